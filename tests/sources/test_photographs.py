"""Own photographs: what their names say, the places they form, and what is refused before anything is noted."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.images import SUFFIXES
from gsv_pipeline.sources.location import PHOTOGRAPHS, read_location
from gsv_pipeline.sources.photographs import Arrangement, city_folders, fetch, inside, list_folder, read_table
from gsv_pipeline.sources.utm_names import Grid, parse_date, parse_utm_name
from gsv_pipeline.tracking import NullTracker
from tests.trackers import Heard

SAN_FRANCISCO = "@0548120.35@4163229.99@10@S@037.61500@-122.45500@pano-1_x@@370@@@@201511@@.jpg"
FULL = "@0543256.96@4178906.70@17@T@040.44062@-079.99589@000829@04@090@005@@@20130715_101500@dusk@.jpg"


def utm_name(east, north, *, heading="", zone="10", letter="S", lat="", lon="", pano="", time="", suffix=".jpg"):
    return f"@{east:010.2f}@{north:010.2f}@{zone}@{letter}@{lat}@{lon}@{pano}@@{heading}@@@@{time}@@{suffix}"


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def target(tmp_path):
    (tmp_path / "data" / "artifact").mkdir(parents=True)
    return tmp_path / "data" / "artifact"


# What names say.


def test_a_full_name_says_everything():
    name = parse_utm_name(FULL)
    assert (name.east, name.north, name.zone, name.hemisphere) == (543256.96, 4178906.70, 17, "N")
    assert (name.lat, name.lon, name.heading) == (40.44062, -79.99589, 90.0)
    assert (name.year, name.month, name.view, name.unreadable) == (2013, 7, "000829@04@090@005", "")


def test_only_the_two_coordinates_are_needed():
    for text in ("@1.5@-2@.jpg", "@0000001.50@-000002.00@@@@@@@@@@@@@.png", "kept@1.5@-2@@@.jpg"):
        name = parse_utm_name(text)
        assert (name.east, name.north) == (1.5, -2.0)
        assert (name.zone, name.hemisphere, name.year, name.month, name.view, name.unreadable) == (0, "", 0, 0, "", "")
        assert all(math.isnan(value) for value in (name.lat, name.lon, name.heading))


@pytest.mark.parametrize(
    "text",
    ["IMG_1234.jpg", "", "@5.jpg", "@1@2.jpg", "@x@2@.jpg", "@1@@.jpg", "@nan@2@.jpg", "@1@inf@.jpg", "@@@@.jpg"],
)
def test_a_name_without_two_coordinates_is_no_such_name(text):
    assert parse_utm_name(text) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("61@N@@@@@", "zone '61'"),
        ("10.5@N@@@@@", "zone '10.5'"),
        ("10@I@@@@@", "zone letter 'I'"),
        ("10@CD@@@@@", "zone letter 'CD'"),
        ("10@S@north@@@@", "latitude 'north'"),
        ("10@S@@@p@@east", "heading 'east'"),
    ],
)
def test_a_field_that_holds_something_else_is_told_not_guessed(fields, words):
    assert parse_utm_name(f"@500000@4000000@{fields}@.jpg").unreadable == words


def test_the_band_letter_says_the_hemisphere_and_latitude_does_where_it_is_missing():
    hemispheres = {letter: parse_utm_name(f"@1@2@33@{letter}@.jpg").hemisphere for letter in "CHMNSUX"}
    # S is a northern band (32° to 40° north): it does not stand for 'south'.
    assert hemispheres == {"C": "S", "H": "S", "M": "S", "N": "N", "S": "N", "U": "N", "X": "N"}
    assert parse_utm_name("@1@2@33@@-33.9@18.4@.jpg").hemisphere == "S"
    assert parse_utm_name("@1@2@33@@@@.jpg").hemisphere == ""


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("201307", (2013, 7)),
        ("2013-07", (2013, 7)),
        ("20130715", (2013, 7)),
        ("20130715_101500", (2013, 7)),
        ("2013-07-15T10:15:00", (2013, 7)),
        ("2013_07", (2013, 7)),
        (" 2013 ", (2013, 0)),
        ("", (0, 0)),
        ("dusk", (0, 0)),
        ("201313", (0, 0)),
        ("201300", (0, 0)),
        ("1512345678", (0, 0)),
        ("0000", (0, 0)),
    ],
)
def test_dates_are_read_in_the_forms_that_are_about(text, date):
    assert parse_date(text) == date


# Places.


def test_places_are_named_by_zone_corner_and_sector():
    grid = Grid()
    assert grid.key(parse_utm_name(SAN_FRANCISCO)) == "Z10N-E0548120N4163220H000"  # a heading of 370° is one of 10°
    assert grid.key(parse_utm_name("@0548120.35@4163229.99@@@@@@@35@.jpg")) == "E0548120N4163220H030"
    assert grid.key(parse_utm_name("@0548120.35@4163229.99@.jpg")) == "E0548120N4163220"
    assert grid.key(parse_utm_name("@-3.5@-12@.jpg")) == "E-000010N-000020"
    assert Grid(25, 90).key(parse_utm_name("@99.99@25@@@@@@@359.9@.jpg")) == "E0000075N0000025H270"


@pytest.mark.parametrize(
    ("heading", "sector"),
    [("0", 0), ("29.99", 0), ("30", 1), ("359.99", 11), ("360", 0), ("725", 0), ("-0.01", 11), ("-1e-20", 0)],
)
def test_headings_go_round_the_circle(heading, sector):
    assert Grid().sector(parse_utm_name(f"@1@2@@@@@@@{heading}@.jpg")) == sector


def test_one_spot_in_two_zones_or_hemispheres_is_two_places():
    texts = [
        "@500000@6000000@10@U@.jpg",
        "@500000@6000000@11@U@.jpg",
        "@500000@6000000@10@H@.jpg",
        "@500000@6000000@.jpg",
    ]
    keys = [Grid().key(parse_utm_name(text)) for text in texts]
    assert keys == ["Z10N-E0500000N6000000", "Z11N-E0500000N6000000", "Z10S-E0500000N6000000", "E0500000N6000000"]
    # Two bands of one zone are one grid: else the line between them would cut places in two.
    assert Grid().key(parse_utm_name("@500000@6000000@10@T@.jpg")) == keys[0]


def slow_cell(text, cell_m):
    """The cell by exact arithmetic: count cells until the coordinate is reached."""
    value, cell = Fraction(text), 0
    while (cell + 1) * cell_m <= value:
        cell += 1
    while cell * cell_m > value:
        cell -= 1
    return cell


@settings(max_examples=200, deadline=None)
@given(
    east=st.integers(-30_000, 60_000),
    north=st.integers(-30_000, 60_000),
    heading=st.integers(-720, 1080),
    cell_m=st.integers(1, 60),
    sector_deg=st.sampled_from([1, 15, 30, 45, 90, 360]),
)
def test_the_grid_agrees_with_counting_cells_one_by_one(east, north, heading, cell_m, sector_deg):
    east_text, north_text = f"{east / 100:.2f}", f"{north / 100:.2f}"
    name = parse_utm_name(f"@{east_text}@{north_text}@@@@@@@{heading}@.jpg")
    grid = Grid(cell_m, sector_deg)
    assert grid.cell(name) == ("", slow_cell(east_text, cell_m), slow_cell(north_text, cell_m))
    turned = heading
    while turned < 0:
        turned += 360
    while turned >= 360:
        turned -= 360
    assert grid.sector(name) == [turned < start + sector_deg for start in range(0, 360, sector_deg)].index(True)


def test_places_do_not_depend_on_order_or_company():
    rng = np.random.default_rng(5)
    names = [
        utm_name(*rng.uniform(500_000, 500_080, 2), heading=f"{heading:.1f}") for heading in rng.uniform(0, 360, 200)
    ]
    alone = {name: Grid().key(parse_utm_name(name)) for name in names}
    assert len(set(alone.values())) > 50
    for name in reversed(names):
        assert Grid().key(parse_utm_name(name)) == alone[name]


def towns(sector_deg):
    """Every cell of 12 × 12, seen in every sector."""
    return [
        parse_utm_name(utm_name(500_000 + 10 * x + 5, 4_000_000 + 10 * y + 5, heading=str(h)))
        for x in range(12)
        for y in range(12)
        for h in range(0, 360, sector_deg)
    ]


@pytest.mark.parametrize("sector_deg", [30, 90, 180, 360])
def test_every_place_is_in_one_group_and_no_two_places_of_a_group_are_neighbours(sector_deg):
    names = towns(sector_deg)
    grids = [Grid(10, sector_deg, group) for group in range(Grid(10, sector_deg).num_groups)]
    held = [[name for name, keep in zip(names, grid.kept(names), strict=True) if keep] for grid in grids]
    assert all(held)
    assert sorted(grids[0].key(name) for group in held for name in group) == sorted(
        grids[0].key(name) for name in names
    )
    sectors = grids[0].sectors
    for group in held:
        places = sorted({(*grids[0].cell(name)[1:], grids[0].sector(name)) for name in group})
        for row, (x, y, h) in enumerate(places):
            for other_x, other_y, other_h in places[row + 1 :]:
                cells_apart = max(abs(x - other_x), abs(y - other_y))
                turn = abs(h - other_h)
                sectors_apart = min(turn, sectors - turn)
                assert cells_apart >= 5 or (cells_apart == 0 and sectors_apart >= 2)  # 40 m or a sector between them


def test_images_without_heading_are_in_no_group_where_others_have_one():
    plain = [parse_utm_name(utm_name(500_000, 4_000_000)), parse_utm_name(utm_name(500_050, 4_000_000))]
    headed = parse_utm_name(utm_name(500_000, 4_000_000, heading="10"))
    grid = Grid(group=Grid().group_of(headed))
    assert grid.kept(plain) == [True, True]
    assert grid.kept([*plain, headed]) == [False, False, True]
    assert Grid().kept([*plain, headed]) == [True, True, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cell_m": 0}, "cell_m is 0, expected a whole number of metres, at least 1"),
        ({"cell_m": 2.5}, "cell_m is 2.5"),
        ({"cell_m": "ten"}, "cell_m is 'ten'"),
        ({"cell_m": float("nan")}, "cell_m is nan"),
        ({"cell_m": True}, "cell_m is True"),
        ({"sector_deg": 50}, "sector_deg is 50, expected a whole number that divides 360"),
        ({"sector_deg": 400}, "sector_deg is 400"),
        ({"group": 50}, "group is 50, expected a whole number from 0 to 49"),
        ({"group": -1}, "group is -1"),
        ({"group": "first"}, "group is 'first'"),
        ({"group": 25, "sector_deg": 360}, "from 0 to 24"),
        ({"group": 0, "sector_deg": 120}, "makes 3 sectors, an odd number"),
        ({"folders_are_cities": "no"}, "folders_are_cities is 'no', expected true or false"),
        ({"group": 0, "table": "places.csv"}, "group= is for places formed by a grid"),
    ],
)
def test_arguments_out_of_range_are_refused(photos, target, arguments, words):
    touch(photos, SAN_FRANCISCO)
    with pytest.raises(ConfigError, match=words):
        fetch(target, tracker=NullTracker(), path=str(photos), **arguments)
    assert list(target.iterdir()) == []


# What lies below a folder.


def test_every_visible_image_is_listed_once_whatever_its_suffix_or_depth(photos):
    touch(photos, "b.JPG", "a/deep/er/c.webp", "a/d.png", "notes.txt", "a/.hidden.jpg", ".thumbs/e.jpg", "z.tiff")
    (photos / "a" / "back").symlink_to(photos)  # leads to itself
    (photos / "gone.jpg").symlink_to(photos / "nowhere")
    listing = list_folder(photos)
    assert listing.images == ("a/d.png", "a/deep/er/c.webp", "b.JPG", "gone.jpg", "z.tiff")
    assert [name for name, _, _ in listing.folders] == ["", "a", "a/deep", "a/deep/er"]
    for suffix in SUFFIXES:
        assert list_folder(touch(photos, f"x{suffix.upper()}")).images


def test_a_linked_folder_is_followed(photos, tmp_path):
    touch(tmp_path / "disk", "a.jpg")
    (photos / "linked").symlink_to(tmp_path / "disk")
    assert list_folder(photos).images == ("linked/a.jpg",)


def test_a_folder_that_cannot_be_read_is_named(photos):
    with pytest.raises(DataError, match="absent cannot be read: No such file"):
        list_folder(photos / "absent")


def test_the_first_folder_level_is_the_city_only_where_every_image_is_in_one():
    both = ["town_b/x.jpg", "town_a/sub/y.jpg"]
    assert city_folders(both, Arrangement()) == ["town_a", "town_b"]
    assert city_folders([*both, "z.jpg"], Arrangement()) == []
    assert city_folders(both, Arrangement(folders_are_cities=False)) == []
    assert city_folders(both, Arrangement(table="places.csv")) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("./b/../a.jpg", "a.jpg"),
        ("b//a.jpg", "b/a.jpg"),
        ("b\\a.jpg", "b/a.jpg"),
        ("../a.jpg", None),
        ("b/../../a.jpg", None),
        ("/etc/passwd", None),
        ("C:\\a.jpg", None),
        ("..\\a.jpg", None),
        ("..", None),
        ("a\0.jpg", None),
        ("..a.jpg", "..a.jpg"),
    ],
)
def test_names_that_would_leave_the_folder_are_recognised(text, name):
    assert inside(text) == name


# Tables.


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("image,place_id\na.jpg,Zürich\n", "utf-8"),
        ("Image;Place_ID\r\na.jpg;Zürich\r\n", "utf-8-sig"),
        ("image\tplace_id\n\na.jpg\tZürich\n", "cp1252"),
        (' image , place_id \n"a.jpg", Zürich \n', "utf-16"),
    ],
)
def test_tables_are_read_as_spreadsheets_write_them(tmp_path, text, encoding):
    (tmp_path / "places.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "places.csv")
    assert table.columns == {"image": ["a.jpg"], "place_id": ["Zürich"]}
    assert table.encoding == ("" if encoding.startswith("utf-8") else encoding)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    (tmp_path / "places.csv").write_text('image,place_id,note\na.jpg,1,"two\nlines"\n\nb.jpg,2\n')
    table = read_table(tmp_path / "places.csv")
    assert table.lines == [3, 5]
    assert table.fields == [3, 2]
    assert "note" not in table.columns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column image, place_id is missing. Found: nothing"),
        ("image,place_id\n", "has a header and no row"),
        ("file,place\na.jpg,1\n", "column image, place_id is missing. Found: file, place. Expected the columns image"),
        ("image,place_id,lat\na.jpg,1,2\n", "lat and lon come together"),
        ("image,image,place_id\na.jpg,b.jpg,1\n", "column image stands twice"),
        ('image,place_id\n"a.jpg,1\n', "is not readable as a CSV"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_it_should_hold(photos, target, text, words):
    touch(photos, "a.jpg")
    (photos / "places.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        fetch(target, tracker=NullTracker(), path=str(photos), table="places.csv")
    assert list(target.iterdir()) == []


# Fetching.


def test_photographs_are_noted_where_they_lie_and_nothing_is_touched(photos, target):
    touch(photos, SAN_FRANCISCO, FULL)
    before = {path: path.stat().st_mtime_ns for path in (photos, *photos.rglob("*"))}
    heard = Heard()
    facts = fetch(target, tracker=heard, path=str(photos), cell_m=20, group=None)
    assert facts == {
        "path": str(photos),
        "images": 2,
        "places_formed": "cells of 20 m and heading sectors of 30°",
        "cities": 1,
        "names_without_coordinates": 0,
    }
    assert heard.said == [f"Using 2 photographs in {photos} where they lie; places: {facts['places_formed']}"]
    location = read_location(target)
    assert (location.root, location.layout) == (photos, PHOTOGRAPHS)
    assert Arrangement(**location.arguments) == Arrangement(cell_m=20)
    assert [path.name for path in target.iterdir()] == ["location.json"]
    assert {path: path.stat().st_mtime_ns for path in (photos, *photos.rglob("*"))} == before


def test_a_relative_path_a_tilde_and_a_number_are_made_whole(tmp_path, target, monkeypatch):
    touch(tmp_path / "2024", SAN_FRANCISCO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("2024", 2024, "~/2024"):  # the command line reads 2024 as a number
        assert fetch(target, tracker=NullTracker(), path=path)["path"] == str(tmp_path / "2024")


def test_a_table_is_noted_relative_to_the_photographs_or_absolute(photos, target, tmp_path):
    touch(photos, "a.jpg", "b.jpg")
    text = "image,place_id\na.jpg,1\nc.jpg,1\n"
    for folder, argument, noted in (
        (photos, "places.csv", "places.csv"),
        (photos, str(photos / "places.csv"), "places.csv"),
        (tmp_path, "../places.csv", str(tmp_path / "places.csv")),
        (tmp_path, str(tmp_path / "places.csv"), str(tmp_path / "places.csv")),
    ):
        (folder / "places.csv").write_text(text)
        facts = fetch(target, tracker=NullTracker(), path=str(photos), table=argument)
        assert read_location(target).arguments["table"] == noted
        assert (facts["images"], facts["rows_with_image"], facts["places_formed"]) == (2, 1, f"from {noted}")


def test_what_cannot_be_used_is_refused_up_front(photos, target, tmp_path):
    def refuse(words, **arguments):
        with pytest.raises(DataError, match=words):
            fetch(target, tracker=NullTracker(), **{"path": str(photos), **arguments})
        assert list(target.iterdir()) == []

    refuse("absent is no folder. Expected path= to name a folder of images", path=str(tmp_path / "absent"))
    refuse("No image in .*photos. Expected files that end in .jpg")
    touch(photos, "IMG_1.jpg", "IMG_2.jpg", SAN_FRANCISCO)
    refuse(r"2 of 3 image names .* hold no coordinates \(first: IMG_1.jpg, IMG_2.jpg\). Expected @UTM_east@UTM_north@")
    refuse(r"table=places.csv, with the columns image,place_id")
    refuse("places.csv cannot be read: No such file", table="places.csv")
    (photos / "places.csv").write_text("image,place_id\nphotos/IMG_1.jpg,1\n")
    refuse(r"None of the 1 rows .* \(first: 'photos/IMG_1.jpg'\). Expected paths relative to", table="places.csv")
    refuse("The data root lies in", path=str(tmp_path))


def test_a_stray_name_among_many_is_counted_and_left_to_the_catalog(photos, target):
    touch(photos, "cover.jpg", *(utm_name(500_000 + row, 4_000_000) for row in range(100)))
    assert fetch(target, tracker=NullTracker(), path=str(photos))["names_without_coordinates"] == 1


def test_folders_that_see_the_same_spot_are_no_cities(photos, target):
    touch(photos, f"2019/{SAN_FRANCISCO}", f"2021/{SAN_FRANCISCO}")
    with pytest.raises(DataError, match="Folders 2019 and 2021 hold photographs of the same spot .*=false"):
        fetch(target, tracker=NullTracker(), path=str(photos))
    facts = fetch(target, tracker=NullTracker(), path=str(photos), folders_are_cities=False)
    assert facts["cities"] == 1
    touch(photos / "apart", f"a/{SAN_FRANCISCO}", f"b/{FULL}")
    assert fetch(target, tracker=NullTracker(), path=str(photos / "apart"))["cities"] == 2


def test_an_empty_group_names_those_that_hold_photographs(photos, target):
    touch(photos, utm_name(500_000, 4_000_000, heading="10"), utm_name(500_010, 4_000_000, heading="40"))
    with pytest.raises(DataError, match=r"Group 7 holds no photograph. Groups that do: 0, 30\."):
        fetch(target, tracker=NullTracker(), path=str(photos), group=7)
    assert "group 30 of 50" in fetch(target, tracker=NullTracker(), path=str(photos), group=30)["places_formed"]


def test_names_of_the_published_example_are_read(tmp_path):
    """Names as the downloader of the field's benchmarks writes them, one of each kind of gap."""
    for text, place in (
        ("@0584983.52@4476989.95@17@T@040.43806@-079.99782@000012@@@@@@@@.jpg", "Z17N-E0584980N4476980"),
        ("@0347552.80@6172933.93@33@U@055.68001@0012.57521@iywcAZBOJ@@@@@@20150704@@.jpg", "Z33N-E0347550N6172930"),
        ("@0334873.00@6252266.00@56@H@-033.85678@0151.21530@@@123@@@@201402@@.png", "Z56S-E0334870N6252260H120"),
    ):
        assert Grid().key(parse_utm_name(Path(tmp_path / text).name)) == place
