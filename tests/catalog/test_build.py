"""Published CSVs and folders become one table; what does not fit is in quarantine, with its reason."""

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.build import SCAN, build_catalog, names_version
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import Location
from gsv_pipeline.tracking import NullTracker
from tests.published import HEADER, Shot, image_name, save_photo, shots_of, write_city, write_csv

CITY = "Bobville"


@pytest.fixture
def shots():
    return shots_of(places=3, images=4)


@pytest.fixture
def photos(tmp_path, shots):
    return write_city(tmp_path / "set", CITY, shots)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "set"


@pytest.fixture
def build(tmp_path, root):
    """What is built of `root`; each build goes on from the one before, unless it is told otherwise."""
    folders, numbers = [], itertools.count()

    def build(*, fresh=False, **options):
        target = tmp_path / f"build_{next(numbers)}"
        target.mkdir()
        previous = folders[-1] if folders and not fresh else None
        built = build_catalog(Location(root), target=target, previous=previous, tracker=NullTracker(), **options)
        folders.append(target)
        return built

    return build


def count(built, rule):
    return built.report.count(rule)


def reasons(built):
    """Reason by file, or by line where there is no file."""
    table = built.quarantine
    names = table["image_id"].where(table["image_id"] != "", table["origin"])
    return dict(zip(names, table["reason"], strict=True))


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


def test_a_csv_that_lost_rows_leaves_their_images_in_quarantine(root, photos, shots, build):
    write_csv(root, CITY, shots[:-3])
    built = build()
    assert len(built.table) == 9
    assert built.quarantine["reason"].tolist() == ["image_without_row"] * 3
    assert set(built.quarantine["image_id"]) == {photo.relative_to(root).as_posix() for photo in photos[-3:]}
    assert built.quarantine["place_id"].tolist() == [f"{CITY}/0000002"] * 3
    assert built.report.quarantined_share == 3 / 12


def test_files_that_cannot_be_told_apart_or_named_are_in_quarantine_too(root, photos, shots, build):
    folder = photos[0].parent
    again = save_photo(folder / image_name(CITY, replace(shots[0], year=1999)), 99)  # the same place and panorama
    (folder / "thumbs.db").touch()
    save_photo(folder / "short_name.JPG", 5)
    built = build()
    assert len(built.table) == 12
    found = {Path(name).name: reason for name, reason in reasons(built).items()}
    kept = {Path(name).name for name in built.table["image_id"]}
    assert found.pop("short_name.JPG") == "image_without_row"
    ((other, reason),) = found.items()
    assert reason == "image_without_row"
    assert {other, *kept} == {again.name, *(photo.name for photo in photos)}
    assert count(built, "strange_name") == 2


def test_what_systems_put_beside_files_takes_nothing_from_them(root, photos, build):
    expected = build(fresh=True).table
    for photo in photos:
        photo.with_name(f"._{photo.name}").write_bytes(b"Mac OS X")
    (root / "Dataframes" / f"._{CITY}.csv").write_bytes(b"Mac OS X")
    built = build(fresh=True)
    assert len(built.quarantine) == 0
    assert built.report.looked_at["city"] == 1
    pd.testing.assert_frame_equal(built.table, expected)


def test_a_row_with_a_value_too_many_is_in_quarantine_although_its_image_is_gone(root, photos, build):
    photos[2].unlink()
    path = root / "Dataframes" / f"{CITY}.csv"
    lines = path.read_text().splitlines()
    lines[3] += ",extra"
    path.write_text("\n".join(lines) + "\n")
    built = build()
    assert len(built.table) == 11
    assert built.quarantine[["origin", "reason"]].to_numpy().tolist() == [[f"{CITY}.csv:4", "wrong_type"]]


def test_a_folder_that_is_called_like_a_table_is_a_sentence(root, photos):
    (root / "Dataframes" / "Rome.csv").mkdir()
    with pytest.raises(DataError, match=r"Rome\.csv cannot be read: Is a directory"):
        names_version(Location(root))


def test_nothing_is_lost_between_table_and_quarantine(root, photos, shots, build):
    photos[0].unlink()
    photos[1].write_bytes(b"")
    save_photo(photos[0].parent / image_name(CITY, replace(shots[0], panoid="extra")), 99)
    write_csv(root, CITY, [*shots, replace(shots[5], month=13), shots[6]])
    built = build()
    assert len(built.table) + len(built.quarantine) == 15 == built.report.looked_at["image"]
    assert built.quarantine["reason"].value_counts().to_dict() == {
        "missing_image": 1,
        "empty_image": 1,
        "image_without_row": 1,
        "impossible_date": 1,
        "duplicate_panoid_in_place": 1,
    }
    assert not set(built.table["image_id"]) & {photos[0].name, photos[1].name}


def test_missing_images_are_named_by_row_place_and_panorama(root, photos, build):
    photos[0].unlink()
    photos[7].unlink()
    built = build()
    gone = built.quarantine[built.quarantine["reason"] == "missing_image"]
    assert gone[["place_id", "panoid", "origin"]].to_numpy().tolist() == [
        [f"{CITY}/0000000", "_a-B000", f"{CITY}.csv:2"],
        [f"{CITY}/0000001", "_a-B103", f"{CITY}.csv:9"],
    ]
    with pytest.raises(DataError) as caught:
        built.report.require_sound(dataset="mine", remedy="Mend it.")
    message = str(caught.value)
    assert "Data set 'mine' is not sound: 2 of 12 images are in quarantine (17 %, the limit is 0 %):" in message
    assert "2 × a row has no image file: Bobville.csv:2" in message
    assert message.endswith("\nMend it.")


@pytest.mark.parametrize(("limit", "is_sound"), [(0.0, False), (0.05, False), (0.1, True), (1.0, True)])
def test_the_share_in_quarantine_decides(photos, build, limit, is_sound):
    photos[3].write_bytes(b"")  # one of twelve
    report = build(limit=limit).report
    assert report.quarantined_share == 1 / 12
    assert report.is_sound is is_sound


def test_a_link_that_leads_nowhere_is_a_missing_image(photos, build):
    photos[0].unlink()
    photos[0].symlink_to("gone.jpg")
    assert build().quarantine["reason"].tolist() == ["missing_image"]


def test_empty_truncated_and_foreign_files_are_each_named(root, photos, build):
    photos[0].write_bytes(b"")
    photos[1].write_bytes(photos[1].read_bytes()[:-70])
    photos[2].write_text("<html>quota exceeded</html>")
    names = [photo.relative_to(root).as_posix() for photo in photos]
    for level in ("quick", "full"):
        assert reasons(build(level=level, fresh=True)) == {
            names[0]: "empty_image", names[1]: "truncated_image", names[2]: "not_an_image",
        }  # fmt: skip
    assert len(build(level="names", fresh=True).quarantine) == 0


def test_a_header_that_promises_a_giant_image_is_no_image(photos, build, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="Not a single usable image .* 12 × a file is not an image"):
        build()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"month": 13}, "impossible_date"),
        ({"month": 0}, "impossible_date"),
        ({"year": 1837}, "impossible_date"),
        ({"year": 65536 + 2015}, "impossible_date"),  # would be 2015 if it wrapped in its 16 bits
        ({"month": 256 + 6}, "impossible_date"),
        ({"lat": "90.5"}, "coordinates_out_of_range"),
        ({"lon": "-180.01"}, "coordinates_out_of_range"),
        ({"lat": ""}, "coordinates_missing"),
    ],
)
def test_impossible_dates_and_coordinates_are_named(root, photos, shots, build, change, rule):
    write_csv(root, CITY, [replace(shots[0], **change), *shots[1:]])
    assert reasons(build()) == {photos[0].relative_to(root).as_posix(): rule}


def test_the_ends_of_the_earth_are_allowed(root, shots, build):
    edges = [("-90", "-180"), ("90", "180"), ("0", "0"), ("-90.0", "180")]
    write_city(root, CITY, [replace(shots[n], lat=lat, lon=lon) for n, (lat, lon) in enumerate(edges)])
    assert len(build().quarantine) == 0


def test_the_same_panorama_in_two_places_is_a_warning(root, shots, build):
    write_city(root, CITY, [replace(shot, panoid=f"p{number % 4}") for number, shot in enumerate(shots)])
    built = build()
    assert len(built.table) == 12
    assert count(built, "duplicate_panoid_across_places") > 0


def test_a_csv_without_its_folder_is_all_missing_images(root, photos, shots, build):
    write_csv(root, "Annaburg", shots)
    built = build()
    assert (built.quarantine["city"] == "Annaburg").all()
    assert count(built, "missing_image") == 12


def test_a_data_set_without_any_image_is_refused_by_its_rows(root, photos, build):
    for photo in photos:
        photo.unlink()
    with pytest.raises(DataError, match=r"Not a single usable image below .*: 12 × a row has no image file\."):
        build()
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(DataError, match="no city at all"):
        build()


def test_a_single_row_is_enough(root, build):
    write_city(root, CITY, [Shot(13, "-_-")])
    assert build().table["place_id"].tolist() == [f"{CITY}/0000013"]


def test_only_cities_that_changed_are_read_again(root, photos, shots, build, monkeypatch):
    write_city(root, "Annaburg", shots)
    first = build()
    assert first.reused == 0
    save_photo(root / "Images" / "Annaburg" / image_name("Annaburg", Shot(9, "new")), 7)
    read, looked = [], []
    spy_on("gsv_pipeline.catalog.published.read_city_csv", lambda path: read.append(path.name), monkeypatch)
    spy_on("gsv_pipeline.catalog.images.quick_look", lambda path: looked.append(Path(path).name), monkeypatch)
    second = build()
    assert second.reused == 1
    assert read == ["Annaburg.csv"]
    assert looked == []  # the new file has no row, and every other one is unchanged
    assert second.table.equals(first.table)
    assert second.report.count("image_without_row") == 1


def spy_on(target, note, monkeypatch):
    module, _, name = target.rpartition(".")
    original = getattr(__import__(module, fromlist=[name]), name)
    monkeypatch.setattr(target, lambda argument: (note(argument), original(argument))[1])


def test_findings_of_a_city_that_is_not_read_again_are_still_told(root, photos, shots, build):
    (root / "Dataframes" / f"{CITY}.csv").unlink()
    (photos[0].parent / "thumbs.db").touch()
    first, second = build(), build()
    assert second.reused == 1
    assert first.report == second.report


def test_a_quick_look_sees_an_image_that_changed_in_place(photos, build, monkeypatch):
    before = build().table.set_index("image_id")
    save_photo(photos[4], 1234, size=(30, 20))
    looked = []
    spy_on("gsv_pipeline.catalog.images.quick_look", lambda path: looked.append(Path(path).name), monkeypatch)
    after = build().table.set_index("image_id")
    assert looked == [photos[4].name]
    changed = before.index[before["content"] != after["content"]]
    assert [Path(name).name for name in changed] == [photos[4].name]
    assert after.loc[changed[0], ["width", "height"]].tolist() == [30, 20]


def large_photo(path, seed):
    return save_photo(path, seed, size=(240, 180))


def flip_middle_bytes(path, *, keep_time):
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def contents(built):
    return dict(zip(built.table["image_id"], built.table["content"], strict=True))


def test_a_byte_in_the_middle_is_seen_by_its_time_or_by_a_full_look(root, shots, build):
    write_csv(root, CITY, shots)
    photos = [large_photo(root / "Images" / CITY / image_name(CITY, shot), seed) for seed, shot in enumerate(shots)]
    assert min(photo.stat().st_size for photo in photos) > 10_000  # head and tail do not cover such a file
    first = contents(build(level="quick"))
    flip_middle_bytes(photos[2], keep_time=False)
    second = contents(build(level="quick"))
    assert [name for name in first if first[name] != second[name]] == [photos[2].relative_to(root).as_posix()]
    third = contents(build(level="full"))
    assert third == second  # the same images: a closer look alone makes no other images
    flip_middle_bytes(photos[3], keep_time=True)  # as a disk that rots would
    assert contents(build(level="quick")) == third
    fourth = contents(build(level="full"))
    name = photos[3].relative_to(root).as_posix()
    assert [key for key in third if third[key] != fourth.get(key)] == [name]  # changed, or damaged and in quarantine


def test_a_copy_with_new_times_is_the_same_data_set_once_its_bytes_were_read(root, shots, build):
    write_csv(root, CITY, shots)
    photos = [large_photo(root / "Images" / CITY / image_name(CITY, shot), seed) for seed, shot in enumerate(shots)]
    build(level="quick")
    known = contents(build(level="full"))
    for photo in photos:
        os.utime(photo, (1_000_000_000, 1_000_000_000))
    assert contents(build(level="quick")) == known


def test_small_files_have_one_token_whatever_look_and_whatever_time(photos, build):
    first = contents(build(level="quick"))
    for photo in photos:
        os.utime(photo, (1_000_000_000, 1_000_000_000))
    assert contents(build(level="quick")) == first
    assert contents(build(level="full", fresh=True)) == first


def test_a_look_at_names_opens_nothing_and_keeps_what_is_known(photos, build, monkeypatch):
    monkeypatch.setattr("gsv_pipeline.catalog.images.quick_look", None)
    blind = build(level="names")
    assert (blind.table[["width", "height", "bytes"]] == 0).all(axis=None)
    monkeypatch.undo()
    seen = build(level="quick")
    assert (seen.table["width"] == 24).all()
    assert contents(build(level="names")) == contents(seen)


def test_a_damaged_scan_of_the_last_time_costs_time_and_nothing_else(tmp_path, photos, build):
    first = build()
    (tmp_path / "build_0" / SCAN / f"{CITY}.parquet").write_bytes(b"PAR1 half")
    second = build()
    assert second.reused == 0
    pd.testing.assert_frame_equal(first.table, second.table)
    (tmp_path / "build_1" / SCAN / "cities.json").write_text("{ half")
    second = build()
    assert second.reused == 0
    pd.testing.assert_frame_equal(first.table, second.table)


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
