"""Published CSVs and folders become one table; whatever does not fit is named with examples."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.build import build_catalog, read_city_csv
from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.catalog.validate import validate
from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import NullTracker
from tests.published import HEADER, Shot, image_name, save_photo, shots_of, write_city, write_csv

CITY = "Bobville"


@pytest.fixture
def shots():
    return shots_of(places=3, images=4)


@pytest.fixture
def photos(tmp_path, shots):
    return write_city(tmp_path, CITY, shots)


@pytest.fixture
def build(tmp_path):
    """Table and report of what lies in `tmp_path`."""

    def build_and_report():
        findings = Findings()
        table = build_catalog(tmp_path, findings=findings, tracker=NullTracker())
        validate(table, findings)
        return table, findings.report(len(table))

    return build_and_report


@pytest.fixture
def refusal(build):
    """Broken rule -> (count, examples), and the sentence that refuses the data set."""

    def build_and_refuse():
        _, report = build()
        with pytest.raises(DataError) as caught:
            report.require_sound(dataset="mine", remedy="Mend it.")
        return {item.rule: (item.count, item.examples) for item in report.errors}, str(caught.value)

    return build_and_refuse


def found(report, rule):
    return next(item for item in report.findings if item.rule == rule)


def test_a_sound_city_becomes_one_row_per_image(tmp_path, photos, shots, build):
    table, report = build()
    report.require_sound(dataset="mine", remedy="")
    assert report.errors == report.warnings == ()
    assert len(table) == 12
    assert list(table.columns) == [column.name for column in schema.COLUMNS]
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        column.name: column.dtype for column in schema.COLUMNS
    }
    row = table.set_index("image_id").loc[photos[5].relative_to(tmp_path).as_posix()]
    assert row["place_id"] == f"{CITY}/0000001"
    assert (row["city"], row["year"], row["month"], row["northdeg"]) == (CITY, 2011, 2, 401)
    assert row["bearing"] == 41
    assert row["lat"] == float(shots[5].lat)
    assert row["panoid"] == shots[5].panoid
    assert (row["width"], row["height"], row["bytes"]) == (24, 18, photos[5].stat().st_size)


def test_the_table_is_in_one_order_whatever_the_order_of_rows_and_cities(tmp_path, photos, shots, build):
    write_city(tmp_path, "Annaburg", shots)
    first, _ = build()
    assert list(first["place_id"].unique()[[0, -1]]) == ["Annaburg/0000000", f"{CITY}/0000002"]
    write_csv(tmp_path, CITY, shots[::-1])
    again, _ = build()
    pd.testing.assert_frame_equal(first, again)


def test_images_are_found_although_the_csv_prints_coordinates_otherwise(tmp_path, photos, shots, build):
    write_csv(tmp_path, CITY, [replace(shot, lat=shot.lat + "00000001", lon="-1.2e-1") for shot in shots])
    table, report = build()
    assert report.errors == ()
    assert len(table) == 12
    assert (table["lon"] == -0.12).all()


def test_panoids_with_underscores_and_dashes_are_whole(photos, shots, build):
    table, _ = build()
    assert set(table["panoid"]) == {shot.panoid for shot in shots}
    assert table["panoid"].str.startswith("_").any()


def test_columns_may_stand_in_another_order_and_beside_others(tmp_path, photos, shots, build):
    path = tmp_path / "Dataframes" / f"{CITY}.csv"
    table = pd.read_csv(path, dtype=str)
    table.assign(remark="none")[["remark", *HEADER[::-1]]].to_csv(path, index=False)
    assert len(build()[0]) == 12


def test_files_without_a_row_and_strange_names_are_warned_of(tmp_path, photos, shots, build):
    folder = photos[0].parent
    save_photo(folder / image_name(CITY, replace(shots[0], panoid="extra")), 99)
    save_photo(folder / image_name(CITY, replace(shots[0], year=1999)), 99)  # the same place and panorama again
    (folder / "thumbs.db").touch()
    (folder / "short_name.JPG").touch()
    _, report = build()
    assert report.errors == ()
    assert {item.rule: item.count for item in report.warnings} == {"image_without_row": 2, "strange_name": 2}
    assert found(report, "strange_name").examples == (f"{CITY}/short_name.JPG", f"{CITY}/thumbs.db")


def test_missing_images_are_named_by_place_and_panorama(photos, shots, refusal):
    photos[0].unlink()
    photos[7].unlink()
    broken, message = refusal()
    assert broken == {"missing_image": (2, (f"{CITY}/0000000 _a-B000", f"{CITY}/0000001 _a-B103"))}
    assert "Data set 'mine' is not sound (10 images looked at):" in message
    assert f"2 × a row has no image file: {CITY}/0000000 _a-B000" in message
    assert message.endswith("\nMend it.")


def test_a_link_that_leads_nowhere_is_a_missing_image(photos, refusal):
    photos[0].unlink()
    photos[0].symlink_to("gone.jpg")
    broken, _ = refusal()
    assert broken["missing_image"] == (1, (f"Images/{CITY}/{photos[0].name}",))


def test_empty_truncated_and_foreign_files_are_each_named(photos, refusal):
    photos[0].write_bytes(b"")
    photos[1].write_bytes(photos[1].read_bytes()[:-70])
    photos[2].write_text("<html>quota exceeded</html>")
    broken, message = refusal()
    assert {rule: examples for rule, (_, examples) in broken.items()} == {
        "empty_image": (f"Images/{CITY}/{photos[0].name}",),
        "truncated_image": (f"Images/{CITY}/{photos[1].name}",),
        "not_an_image": (f"Images/{CITY}/{photos[2].name}",),
    }
    assert photos[1].name in message


def test_a_header_that_promises_a_giant_image_is_no_image(photos, refusal, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    broken, _ = refusal()
    assert broken["not_an_image"][0] == 12


def test_at_most_five_examples_are_shown_of_many(photos, refusal):
    for photo in photos:
        photo.write_bytes(b"")
    broken, _ = refusal()
    count, examples = broken["empty_image"]
    assert (count, len(examples)) == (12, 5)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"month": 13}, "impossible_date"),
        ({"month": 0}, "impossible_date"),
        ({"year": 1837}, "impossible_date"),
        ({"year": 20155}, "impossible_date"),
        ({"year": 65536 + 2015}, "impossible_date"),  # would be 2015 if it wrapped in its 16 bits
        ({"month": 256 + 6}, "impossible_date"),
        ({"lat": "90.5"}, "coordinates_out_of_range"),
        ({"lon": "-180.01"}, "coordinates_out_of_range"),
    ],
)
def test_impossible_dates_and_coordinates_are_named(tmp_path, photos, shots, refusal, change, rule):
    write_csv(tmp_path, CITY, [replace(shots[0], **change), *shots[1:]])
    broken, message = refusal()
    assert broken == {rule: (1, (f"Images/{CITY}/{photos[0].name}",))}
    assert photos[0].name in message


def test_the_ends_of_the_earth_and_odd_headings_are_allowed(tmp_path, shots, build):
    edges = [("-90", "-180"), ("90", "180"), ("0", "0"), ("-90.0", "180")]
    write_city(tmp_path, CITY, [replace(shots[n], lat=lat, lon=lon) for n, (lat, lon) in enumerate(edges)])
    assert build()[1].errors == ()


def test_the_same_panorama_twice_in_a_place_is_called_a_duplicate(tmp_path, photos, shots, refusal):
    write_csv(tmp_path, CITY, [*shots, shots[0]])
    broken, _ = refusal()
    assert broken == {"duplicate_panoid_in_place": (1, (f"Images/{CITY}/{photos[0].name}",))}


def test_the_same_panorama_in_two_places_is_no_duplicate(tmp_path, shots, build):
    write_city(tmp_path, CITY, [replace(shot, panoid=f"p{number % 4}") for number, shot in enumerate(shots)])
    assert build()[1].errors == ()


def test_places_of_few_images_are_warned_of(tmp_path, shots, build):
    write_city(tmp_path, CITY, shots[:-1])
    _, report = build()
    assert found(report, "place_of_few_images").examples == (f"{CITY}/0000002 (3)",)


@pytest.mark.parametrize("column", HEADER[:4] + HEADER[5:])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, photos, shots, column):
    path = write_csv(tmp_path, CITY, shots, header=[name if name != column else "other" for name in HEADER])
    words = rf"{CITY}\.csv: column {column} is missing. Found: .*other.*Expected: place_id"
    with pytest.raises(DataError, match=words):
        read_city_csv(path)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("year", "twenty", "a whole number"),
        ("year", "2015.5", "a whole number"),
        ("month", "", "a whole number"),
        ("place_id", "nan", "a whole number"),
        ("place_id", "1e300", "a whole number"),
        ("northdeg", "99999999999", "a whole number"),
        ("lat", "51,5", "a number"),
        ("lon", "inf", "a number"),
        ("lon", "west", "a number"),
    ],
)
def test_a_wrong_type_is_named_with_its_line_and_value(tmp_path, photos, column, value, expected):
    path = tmp_path / "Dataframes" / f"{CITY}.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[[3, 8], column] = value
    table.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        read_city_csv(path)
    words = f"line 5: column {column} holds '{value}', expected {expected} (2 such values)"
    assert words in str(caught.value)


def test_whole_numbers_may_be_written_with_a_point(tmp_path, photos, shots):
    path = write_csv(tmp_path, CITY, [replace(shots[0], year="2015.0")])
    assert read_city_csv(path)["year"].tolist() == [2015]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not readable as a CSV: No columns"),
        (b"\xff\xfe\x00\x01", "is not readable as a CSV"),
        (b'place_id,year\n"1,2\n', "is not readable as a CSV"),
        (b"a,b\n1,2,3\n4,5,6,7\n", "is not readable as a CSV"),
        ((",".join(HEADER) + "\n").encode(), "has a header and no row"),
    ],
)
def test_an_unreadable_csv_is_named(tmp_path, content, words):
    path = tmp_path / "Bobville.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_city_csv(path)


def test_a_folder_called_like_a_csv_is_named(tmp_path):
    (tmp_path / "Bobville.csv").mkdir()
    with pytest.raises(DataError, match="is not readable as a CSV"):
        read_city_csv(tmp_path / "Bobville.csv")


def test_a_row_that_breaks_off_is_refused(tmp_path, photos):
    path = tmp_path / "Dataframes" / f"{CITY}.csv"
    path.write_text(path.read_text().rsplit(",", 3)[0])
    with pytest.raises(DataError, match="line 13: column lat holds"):
        read_city_csv(path)


def test_a_data_set_without_any_csv_is_refused(tmp_path, photos, build):
    shutil.rmtree(tmp_path / "Dataframes")
    with pytest.raises(DataError, match=r"No CSV in .*Dataframes"):
        build()


def test_a_csv_without_its_folder_is_refused(tmp_path, photos, build):
    shutil.rmtree(photos[0].parent)
    with pytest.raises(DataError, match=rf"{CITY}\.csv has no folder .*Images/{CITY}"):
        build()


def test_a_data_set_without_any_image_is_refused_by_its_rows(photos, refusal):
    for photo in photos:
        photo.unlink()
    broken, _ = refusal()
    assert broken["missing_image"][0] == 12


def test_a_single_row_is_enough(tmp_path, build):
    write_city(tmp_path, CITY, [Shot(13, "-_-")])
    table, _ = build()
    assert table["place_id"].tolist() == [f"{CITY}/0000013"]
