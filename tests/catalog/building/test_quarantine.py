"""What does not fit is in quarantine, with its reason, and nothing is lost between it and the table."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gsv_pipeline.errors import DataError
from tests.catalog.building.builds import CITY, count, reasons
from tests.published import image_name, save_photo, write_city, write_csv


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


def test_a_row_with_a_value_too_many_is_in_quarantine_although_its_image_is_gone(root, photos, build):
    photos[2].unlink()
    path = root / "Dataframes" / f"{CITY}.csv"
    lines = path.read_text().splitlines()
    lines[3] += ",extra"
    path.write_text("\n".join(lines) + "\n")
    built = build()
    assert len(built.table) == 11
    assert built.quarantine[["origin", "reason"]].to_numpy().tolist() == [[f"{CITY}.csv:4", "wrong_type"]]


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
