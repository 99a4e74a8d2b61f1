"""Published CSVs and folders become one table, in one order, whatever they are called."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.build import names_version
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import Location
from tests.catalog.building.builds import CITY, count
from tests.published import HEADER, Shot, save_photo, shots_of, write_city, write_csv


def test_a_sound_city_becomes_one_row_per_image(root, photos, shots, build):
    built = build()
    built.report.require_sound(dataset="mine", remedy="")
    assert built.report.errors == ()
    assert {item.rule for item in built.report.warnings} == {"bearing_out_of_range", "odd_size"}  # tiny ones, for tests
    table = built.table
    assert len(table) == 12
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        column.name: column.dtype for column in schema.COLUMNS
    }
    row = table.set_index("image_id").loc[photos[5].relative_to(root).as_posix()]
    assert row["place_id"] == f"{CITY}/0000001"
    assert (row["city"], row["year"], row["month"], row["northdeg"]) == (CITY, 2011, 2, 401)
    assert row["bearing"] == 41
    assert row["lat"] == float(shots[5].lat)
    assert row["panoid"] == shots[5].panoid
    assert (row["width"], row["height"], row["bytes"]) == (24, 18, photos[5].stat().st_size)
    assert list(built.quarantine.columns) == [column.name for column in schema.QUARANTINE_COLUMNS]


def test_headings_above_360_are_normalised_and_counted(photos, build):
    built = build()
    assert count(built, "bearing_out_of_range") == 12
    assert built.table["bearing"].between(0, 360, inclusive="left").all()


def test_the_table_is_in_one_order_whatever_the_order_of_rows_and_cities(root, photos, shots, build):
    write_city(root, "Annaburg", shots)
    first = build().table
    assert list(first["place_id"].unique()[[0, -1]]) == ["Annaburg/0000000", f"{CITY}/0000002"]
    assert first["place_id"].is_monotonic_increasing
    write_csv(root, CITY, shots[::-1])
    pd.testing.assert_frame_equal(first, build().table)


def test_images_are_found_although_the_csv_prints_coordinates_otherwise(root, photos, shots, build):
    write_csv(root, CITY, [replace(shot, lat=shot.lat + "00000001", lon="-1.2e-1") for shot in shots])
    built = build()
    assert len(built.quarantine) == 0
    assert (built.table["lon"] == -0.12).all()


def test_both_spellings_of_the_suffix_count(root, photos, build):
    for photo in photos[::2]:
        photo.rename(photo.with_suffix(".jpg"))
    assert len(build().table) == 12


def test_columns_may_stand_in_another_order_and_beside_others(root, photos, build):
    path = root / "Dataframes" / f"{CITY}.csv"
    table = pd.read_csv(path, dtype=str)
    table.assign(remark="none")[["remark", *HEADER[::-1]]].to_csv(path, index=False)
    assert len(build().table) == 12


@pytest.mark.parametrize(
    ("csv", "folder", "prefix"),
    [
        ("PRS", "PRS", "PRS"),
        ("Paris", "Paris", "PRS"),
        ("PRS", "Paris", "PRS"),
        ("Paris", "PRS", "Paris"),
        ("PRS", "Capital", "PRS"),
    ],
)
def test_a_city_has_one_key_whatever_its_csv_folder_and_images_are_called(root, shots, build, csv, folder, prefix):
    for path in write_city(root, prefix, shots):
        target = root / "Images" / folder / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    if folder != prefix:
        (root / "Images" / prefix).rmdir()
    (root / "Dataframes" / f"{prefix}.csv").rename(root / "Dataframes" / f"{csv}.csv")
    built = build()
    assert len(built.quarantine) == 0
    assert sorted(built.table["place_id"].unique()) == ["PRS/0000000", "PRS/0000001", "PRS/0000002"]
    assert (
        built.table["image_id"]
        .str.startswith(f"Images/{folder}/PRS_" if prefix == "PRS" else f"Images/{folder}/")
        .all()
    )


def test_two_csvs_of_one_city_are_refused(root, shots, build):
    write_city(root, "Paris", shots)
    write_city(root, "PRS", shots)
    with pytest.raises(DataError, match=r"Paris\.csv tell of one city, PRS|PRS\.csv tell of one city, PRS"):
        build()


@pytest.mark.parametrize("damage", ["gone", "html", "no column", "half the rows are wrong"])
def test_a_lost_csv_is_rebuilt_from_the_names_of_the_images(root, photos, build, damage):
    expected = build(fresh=True).table
    path = root / "Dataframes" / f"{CITY}.csv"
    text = path.read_text()
    if damage == "gone":
        path.unlink()
    elif damage == "html":
        path.write_text("<html><body>Sign in</body></html>")
    elif damage == "no column":
        path.write_text(text.replace("lat", "latitude"))
    else:
        path.write_text(text.replace(",2010,", ",?,").replace(",2011,", ",?,").replace(",2012,", ",?,"))
    built = build(fresh=True)
    assert count(built, "csv_rebuilt") == 1
    assert len(built.quarantine) == 0
    pd.testing.assert_frame_equal(built.table, expected)


def test_what_systems_put_beside_files_takes_nothing_from_them(root, photos, build):
    expected = build(fresh=True).table
    for photo in photos:
        photo.with_name(f"._{photo.name}").write_bytes(b"Mac OS X")
    (root / "Dataframes" / f"._{CITY}.csv").write_bytes(b"Mac OS X")
    built = build(fresh=True)
    assert len(built.quarantine) == 0
    assert built.report.looked_at["city"] == 1
    pd.testing.assert_frame_equal(built.table, expected)


def test_a_folder_that_is_called_like_a_table_is_a_sentence(root, photos):
    (root / "Dataframes" / "Rome.csv").mkdir()
    with pytest.raises(DataError, match=r"Rome\.csv cannot be read: Is a directory"):
        names_version(Location(root))


def test_the_ends_of_the_earth_are_allowed(root, shots, build):
    edges = [("-90", "-180"), ("90", "180"), ("0", "0"), ("-90.0", "180")]
    write_city(root, CITY, [replace(shots[n], lat=lat, lon=lon) for n, (lat, lon) in enumerate(edges)])
    assert len(build().quarantine) == 0


def test_a_single_row_is_enough(root, build):
    write_city(root, CITY, [Shot(13, "-_-")])
    assert build().table["place_id"].tolist() == [f"{CITY}/0000013"]


def test_the_version_of_names_follows_rows_and_files_but_not_pixels(root, photos, shots):
    versions = [names_version(Location(root))]
    save_photo(photos[0], 77)
    assert names_version(Location(root)) == versions[0]
    save_photo(photos[0].parent / "new.JPG", 1)
    versions.append(names_version(Location(root)))
    write_csv(root, CITY, shots[:-1])
    versions.append(names_version(Location(root)))
    assert len(set(versions)) == 3


def test_bearings_and_counts_survive_a_table_of_many_cities(root, build):
    generator = np.random.default_rng(0)
    for number in range(3):
        shots = [
            replace(shot, northdeg=int(generator.integers(0, 800))) for shot in shots_of(2, 5, north_of=40 + number)
        ]
        write_city(root, f"City{number}", shots)
    table = build().table
    assert len(table) == 30
    assert np.allclose(table["bearing"], table["northdeg"] % 360)
