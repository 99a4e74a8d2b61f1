"""The reader of own photographs: cities, rows from names, rows from a table, and what is wrong with either."""

import math
import os

import numpy as np
import pandas as pd
import pytest
import utm

from gsv_pipeline.catalog.photographs import list_cities, read_city
from gsv_pipeline.catalog.report import RULES, Findings
from gsv_pipeline.catalog.rows import ROW_COLUMNS
from gsv_pipeline.sources.utm_names import Grid, parse_utm_name


def utm_name(east, north, *, heading="", zone="10", letter="S", lat="", lon="", pano="", time=""):
    return f"@{east:010.2f}@{north:010.2f}@{zone}@{letter}@{lat}@{lon}@{pano}@@{heading}@@@@{time}@@.jpg"


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "my_town").mkdir()
    return tmp_path / "my_town"


def read(root, findings=None, **arguments):
    """Rows of all cities, with the city beside them; the table's types are checked on the way."""
    parts = []
    for city in list_cities(root, **arguments):
        rows = read_city(root, city, findings or Findings(), **arguments)
        assert list(rows.columns) == list(ROW_COLUMNS)
        assert rows["year"].dtype == rows["month"].dtype == np.int64
        assert rows["northdeg"].dtype == rows["lat"].dtype == rows["lon"].dtype == np.float64
        for name in ("place", "panoid", "image_id", "origin", "problem", "detail"):
            assert all(isinstance(value, str) for value in rows[name]), name
        assert set(rows["problem"]) <= {"", *RULES}
        assert ((rows["problem"] == "") == (rows["detail"] == "")).all()
        parts.append(rows.assign(city=city.name))
    return pd.concat(parts, ignore_index=True)


def write_table(root, *lines, name="places.csv", encoding="utf-8"):
    (root / name).write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return name


# Names.


def test_a_named_image_becomes_a_row(root):
    name = "@0543256.96@4178906.70@17@T@037.75518@-080.50886@000829@04@090@005@@@20130715_101500@dusk@.jpg"
    touch(root, f"walk/{name}")
    rows = read(root, folders_are_cities=False)
    assert rows.iloc[0].to_dict() == {
        "place": "Z17N-E0543250N4178900H090",
        "year": 2013,
        "month": 7,
        "northdeg": 90.0,
        "lat": 37.75518,
        "lon": -80.50886,
        "panoid": "000829@04@090@005",
        "image_id": f"walk/{name}",
        "origin": f"walk/{name}",
        "problem": "",
        "detail": "",
        "city": "my_town",
    }


def test_coordinates_come_from_metres_where_the_name_gives_no_degrees(root):
    cases = {"Sydney": (-33.85678, 151.2153), "San Francisco": (37.615, -122.455), "Quito": (-0.18, -78.47)}
    expected = {}
    for lat, lon in cases.values():
        east, north, zone, letter = utm.from_latlon(lat, lon)
        expected[utm_name(east, north, zone=str(zone), letter=letter)] = (lat, lon)
    no_zone = utm_name(500_000, 4_000_000, zone="", letter="")
    touch(root, *expected, no_zone)
    rows = read(root).set_index("image_id")
    for name, latlon in expected.items():
        assert rows.loc[name, ["lat", "lon"]].to_list() == pytest.approx(latlon, abs=1e-6)
    assert rows.loc[no_zone, ["lat", "lon"]].isna().all()
    assert (rows["problem"] == "").all()


def test_what_is_wrong_with_a_name_is_told(root):
    broken = {
        "IMG_1234.jpg": ("coordinates_missing", "its name is not @UTM_east@UTM_north@...@.jpg"),
        utm_name(500_000, 4_000_000, heading="east"): ("wrong_type", "heading 'east'"),
        utm_name(500_000, 4_000_000, lat="91", lon="3"): ("coordinates_out_of_range", "lat is 91"),
        utm_name(500_000, 4_000_000, lat="9", lon="-181"): ("coordinates_out_of_range", "lon is -181"),
        utm_name(50, 4_000_000, zone="11", letter="M"): (
            "coordinates_out_of_range",
            "50.00 m east, 4000000.00 m north in zone 11S",
        ),
    }
    touch(root, *broken, utm_name(500_000, 4_000_000))
    rows = read(root).set_index("image_id")
    assert len(rows) == 6
    for name, (problem, detail) in broken.items():
        assert rows.loc[name, ["problem", "detail"]].to_list() == [problem, detail]
    assert (rows["problem"] == "").sum() == 1


def test_metres_without_a_zone_are_nobodys_mistake(root):
    """Some benchmarks come with invented metres: pairs that lie a kilometre apart."""
    touch(root, utm_name(0, 0, zone="", letter=""), utm_name(-1000, 12_000_000, zone="", letter=""))
    rows = read(root)
    assert rows["place"].tolist() == ["E-001000N12000000", "E0000000N0000000"]
    assert (rows["problem"] == "").all()


def test_rows_agree_with_the_grid_and_a_photograph_more_renames_no_place(root):
    rng = np.random.default_rng(1)
    names = [utm_name(*rng.uniform(500_000, 500_090, 2), heading=f"{h:.0f}") for h in rng.uniform(-90, 450, 150)]
    touch(root, *names[:100])
    before = read(root).set_index("image_id")["place"]
    assert before.to_dict() == {name: Grid().key(parse_utm_name(name)) for name in names[:100]}
    touch(root, *names[100:])
    after = read(root).set_index("image_id")["place"]
    assert after[before.index].equals(before)
    assert len(after) == 150


def test_a_group_leaves_the_images_of_other_groups_out(root):
    names = [utm_name(500_000 + 10 * x, 4_000_000, heading=str(h)) for x in range(10) for h in (10, 40)]
    touch(root, *names, "IMG_1.jpg")
    everything = read(root)
    parts = [read(root, group=group) for group in range(50)]
    sound = [part[part["problem"] == ""] for part in parts]
    assert sorted(name for part in sound for name in part["image_id"]) == sorted(names)
    # Ten cells in a row hold every fifth one twice.
    assert sorted(len(part) for part in sound if len(part)) == [2] * 10
    assert all((part["problem"] == "coordinates_missing").sum() == 1 for part in parts), "a problem is never hidden"
    kept = pd.concat(sound).set_index("image_id")["place"].to_dict()
    assert kept == everything[everything["problem"] == ""].set_index("image_id")["place"].to_dict()
    assert all((part.dtypes == everything.dtypes).all() for part in parts), "an empty group has its types"


# Cities.


def test_first_folders_are_cities_where_every_image_is_in_one(root):
    a, b = utm_name(500_000, 4_000_000), utm_name(600_000, 4_000_000)
    touch(root, f"town_b/{b}", f"town_a/2019/{a}", f"town_a/2021/{a}", "empty/notes.txt", ".thumbs/x.jpg")
    cities = list_cities(root)
    assert [(city.name, city.csv, city.folders) for city in cities] == [
        ("town_a", None, (root / "town_a",)),
        ("town_b", None, (root / "town_b",)),
    ]
    rows = read(root)
    assert rows["image_id"].tolist() == [f"town_a/2019/{a}", f"town_a/2021/{a}", f"town_b/{b}"]
    assert rows["place"].nunique() == 2
    assert [city.name for city in list_cities(root, folders_are_cities=False)] == ["my_town"]
    touch(root, a)
    assert [city.name for city in list_cities(root)] == ["my_town"]
    assert len(read(root)) == 4


def test_names_of_cities_can_stand_in_keys_and_file_names(root):
    names = ["Porto/North", "Porto%2FNorth", "..", "Zürich", "a:b", ""]
    touch(root, "x.jpg")
    write_table(root, "image,place_id,city", *(f"x.jpg,1,{name}" for name in names))
    found = [city.name for city in list_cities(root, table="places.csv")]
    assert found == ["%2E.", "Porto%252FNorth", "Porto%2FNorth", "Zürich", "a%3Ab", "my_town"]
    assert not any("/" in name or name.startswith(".") for name in found)


def test_cities_are_in_the_order_of_their_keys(root):
    touch(root, f"a b/{utm_name(5e5, 4e6)}", f"a/{utm_name(6e5, 4e6)}", f"a-b/{utm_name(7e5, 4e6)}")
    names = [city.name for city in list_cities(root)]
    assert [f"{name}/" for name in names] == sorted(f"{name}/" for name in ("a", "a b", "a-b"))


# Signatures.


def signatures(root, **arguments):
    return {city.name: city.signature for city in list_cities(root, **arguments)}


def test_a_signature_changes_with_files_and_rows_and_with_nothing_else(root):
    a, b = (f"{town}/{utm_name(east, 4_000_000)}" for town, east in (("town_a", 500_000), ("town_b", 600_000)))
    touch(root, a, f"town_a/deep/{utm_name(500_100, 4_000_000)}", b)
    before = signatures(root)
    assert signatures(root) == before
    (root / a).write_bytes(b"another content is for the look at images")
    assert signatures(root) == before

    def changed():
        nonlocal before
        now = signatures(root)
        names, before = [name for name in now if now[name] != before.get(name)], now
        return names

    touch(root, f"town_a/deep/{utm_name(500_200, 4_000_000)}")
    assert changed() == ["town_a"]
    (root / b).rename(root / "town_b" / utm_name(600_500, 4_000_000))
    assert changed() == ["town_b"]
    (root / "town_a" / "deep").rename(root / "town_a" / "deeper")
    assert changed() == ["town_a"]
    (root / a).unlink()
    assert changed() == ["town_a"]
    assert set(signatures(root, cell_m=20).values()).isdisjoint(before.values()), "places are formed anew"


def test_a_file_that_comes_back_under_an_old_time_is_still_seen(root):
    touch(root, "a.jpg", "b.jpg")
    write_table(root, "image,place_id", "a.jpg,1", "b.jpg,1")
    before = signatures(root, table="places.csv")
    status = root.stat()
    (root / "b.jpg").unlink()
    os.utime(root, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert signatures(root, table="places.csv") != before


def test_a_changed_row_changes_the_signature(root):
    touch(root, "a.jpg")
    write_table(root, "image,place_id", "a.jpg,1")
    status = (root / "places.csv").stat()
    before = signatures(root, table="places.csv")
    (root / "places.csv").write_text("image,place_id\na.jpg,2\n")
    os.utime(root / "places.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert signatures(root, table="places.csv") != before


# Tables.


def test_rows_of_a_table_become_rows_in_its_order(root):
    touch(root, "a.jpg", "sub/b.PNG", "sub/c.jpg")
    write_table(
        root,
        "image,place_id,lat,lon,heading,year,month,remark",
        "sub/b.PNG,old bridge,51.5,-0.12,370,2013,7,hello",
        "./a.jpg,7,0,0,,,,",
        "sub\\c.jpg,a/b,-33,151,-5.5,2014.0,,",
    )
    rows = read(root, table="places.csv")
    assert rows["image_id"].tolist() == ["sub/b.PNG", "a.jpg", "sub/c.jpg"]
    assert rows["place"].tolist() == ["old bridge", "7", "a%2Fb"]
    assert rows["origin"].tolist() == ["places.csv:2", "places.csv:3", "places.csv:4"]
    assert rows["lat"].tolist() == [51.5, 0.0, -33.0]
    assert rows["lon"].tolist() == [-0.12, 0.0, 151.0]
    assert rows["northdeg"].tolist()[::2] == [370.0, -5.5]
    assert math.isnan(rows["northdeg"][1])
    assert rows[["year", "month"]].to_numpy().tolist() == [[2013, 7], [0, 0], [2014, 0]]
    assert (rows["problem"] == "").all()
    assert set(rows["city"]) == {"my_town"}


def test_a_table_without_coordinates_is_a_sound_table(root):
    touch(root, "a.jpg", "b.jpg")
    write_table(root, "image,place_id", "a.jpg,1", "b.jpg,1")
    rows = read(root, table="places.csv")
    assert (rows["problem"] == "").all()
    assert rows[["lat", "lon", "northdeg"]].isna().all(axis=None)
    assert rows[["year", "month"]].to_numpy().tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("column", ["bearing", "heading", "northdeg"])
def test_a_heading_goes_by_three_names(root, column):
    touch(root, "a.jpg")
    write_table(root, f"image,place_id,{column}", "a.jpg,1,12.5")
    assert read(root, table="places.csv")["northdeg"].tolist() == [12.5]


def test_every_broken_row_is_kept_with_its_reason_and_its_line_and_what_no_row_names_is_told(root, tmp_path):
    sound = [f"{letter}.jpg" for letter in "abcdefghijklm"]
    touch(root, *sound, "lonely.jpg", "sub/alone.png")
    touch(tmp_path, "outside.jpg")
    broken = {
        "../outside.jpg,1,5,5,9,2013,7": ("leaves_root", "image is ../outside.jpg", ""),
        f"{tmp_path}/outside.jpg,1,5,5,9,2013,7": ("leaves_root", f"image is {tmp_path}/outside.jpg", ""),
        ",1,5,5,9,2013,7": ("wrong_type", "image is empty", ""),
        "nowhere/x.jpg,1,5,5,9,2013,7": ("missing_image", "no file nowhere/x.jpg", ""),
        "A.jpg,1,5,5,9,2013,7": ("missing_image", "no file A.jpg", ""),
        "a.jpg,2,5,5,9,2013,7": ("image_named_twice", "places.csv:2 names the image too", "a.jpg"),
        "b.jpg,,5,5,9,2013,7": ("wrong_type", "place_id is empty", "b.jpg"),
        "c.jpg,1,5,5,9,2013,7,8": ("wrong_type", "more values than the 7 columns", "c.jpg"),
        "d.jpg,1,5,5,9,this year,7": ("wrong_type", "year is 'this year'", "d.jpg"),
        "e.jpg,1,5,5,9,2013.5,7": ("wrong_type", "year is '2013.5'", "e.jpg"),
        "f.jpg,1,5,5,9,2013,1e30": ("wrong_type", "month is '1e30'", "f.jpg"),
        "g.jpg,1,5,5,inf,2013,7": ("wrong_type", "heading is 'inf'", "g.jpg"),
        "h.jpg,1,five,5,9,2013,7": ("wrong_type", "lat is 'five'", "h.jpg"),
        "i.jpg,1,nan,5,9,2013,7": ("wrong_type", "lat is 'nan'", "i.jpg"),
        "j.jpg,1,,5,9,2013,7": ("coordinates_missing", "lat or lon is empty", "j.jpg"),
        "k.jpg,1": ("coordinates_missing", "lat or lon is empty", "k.jpg"),
        "l.jpg,1,90.5,5,9,2013,7": ("coordinates_out_of_range", "lat is 90.5", "l.jpg"),
        "m.jpg,1,5,-180.5,9,2013,7": ("coordinates_out_of_range", "lon is -180.5", "m.jpg"),
    }
    write_table(root, "image,place_id,lat,lon,heading,year,month", "a.jpg,1,5,5,9,2013,7", *broken)
    findings = Findings()
    rows = read(root, findings, table="places.csv")
    told = rows[["problem", "detail", "image_id"]].apply(tuple, axis=1).tolist()
    assert told == [("", "", "a.jpg"), *broken.values()]
    assert rows["origin"].tolist() == [f"places.csv:{line}" for line in range(2, len(broken) + 3)]
    assert findings.noted()["image_not_named"] == (2, ["lonely.jpg", "sub/alone.png"])


def test_rows_of_several_cities_are_told_apart_and_each_row_and_file_is_told_once(root):
    touch(root, "a.jpg", "b.jpg", "c.jpg", "lonely.jpg")
    write_table(
        root,
        "image,place_id,city",
        "a.jpg,1,Rome",
        "b.jpg,1,Oslo",
        "c.jpg,2,Rome",
        "a.jpg,1,Oslo",
        "d.jpg,9,",
        encoding="cp1252",
    )
    (root / "places.csv").write_bytes((root / "places.csv").read_bytes() + "é.jpg,1,Rome\n".encode("cp1252"))
    findings = Findings()
    rows = read(root, findings, table="places.csv")
    told = rows[["city", "origin", "problem"]].apply(tuple, axis=1).tolist()
    assert told == [
        ("Oslo", "places.csv:3", ""),
        ("Oslo", "places.csv:5", "image_named_twice"),
        ("Rome", "places.csv:2", ""),
        ("Rome", "places.csv:4", ""),
        ("Rome", "places.csv:7", "missing_image"),
        ("my_town", "places.csv:6", "missing_image"),
    ]
    assert findings.noted() == {"csv_encoding": (1, ["places.csv: cp1252"]), "image_not_named": (1, ["lonely.jpg"])}


def test_a_table_beside_the_photographs_is_read_from_where_it_is(root, tmp_path):
    touch(root, "a.jpg")
    write_table(tmp_path, "image,place_id", "a.jpg,1")
    cities = list_cities(root, table=str(tmp_path / "places.csv"))
    assert [city.csv for city in cities] == [tmp_path / "places.csv"]
    assert read(root, table=str(tmp_path / "places.csv"))["problem"].tolist() == [""]


def test_links_that_lead_nowhere_are_rows_too(root):
    name = utm_name(500_000, 4_000_000)
    (root / name).symlink_to(root / "nowhere.jpg")
    assert read(root)["image_id"].tolist() == [name]  # the look at the image says that it is missing


def test_a_name_that_is_no_unicode_spoils_nothing(root):
    touch(root, utm_name(500_000, 4_000_000))
    for name in (b"caf\xe9.jpg", b"@0500001.00@4000001.00@10@S@@@@@@@@@@caf\xe9@.jpg"):
        (root / os.fsdecode(name)).touch()
    rows = read(root).set_index("image_id")
    rows.to_parquet(root / "rows.parquet")
    assert rows.loc["caf\\xe9.jpg", "problem"] == "coordinates_missing"
    assert "@0500001.00@4000001.00@10@S@@@@@@@@@@caf\\xe9@.jpg" in rows.index  # no such file: missing, once looked at
