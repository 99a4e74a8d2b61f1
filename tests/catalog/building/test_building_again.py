"""What is read again when a catalog is built again, and which look sees which change."""

import os
from pathlib import Path

import pandas as pd

from gsv_pipeline.catalog.build import SCAN
from tests.catalog.building.builds import CITY, contents, spy_on
from tests.published import Shot, image_name, save_photo, write_city, write_csv


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
