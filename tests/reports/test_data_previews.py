"""What the Dagster UI shows of catalogs and places, over artifacts written by hand."""

import base64
import json
import re
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gsv_pipeline.catalog.report import REPORT_FILE, Findings
from gsv_pipeline.catalog.schema import CATALOG_FILE, QUARANTINE_COLUMNS, QUARANTINE_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.reports import summaries
from tests.published import save_photo
from tests.tiny import tiny_experiment

MARKDOWN_IMAGE = re.compile(r"!\[([^\]]+)\]\(data:image/(?:jpeg|png);base64,([A-Za-z0-9+/=]+)\)")
LIMIT = 300_000  # characters of one metadata entry


def table_of(places: int, images: int, cities: int) -> pd.DataFrame:
    label = np.repeat(np.arange(places), images)
    city = np.array([f"City{number:02d}" for number in range(cities)])[label * cities // places]
    return pd.DataFrame(
        {
            "label": label,
            "place_id": pd.Series(city).str.cat(pd.Series(label).astype(str).str.zfill(7), sep="/"),
            "city": city,
            "image_id": [f"Images/{number % 30}.jpg" for number in range(len(label))],
            "year": (2008 + label % 12).astype("int16"),
            "month": (1 + label % 12).astype("int8"),
            "bearing": np.zeros(len(label), dtype="float32"),
            "lat": -30 + 90 * (label * cities // places) / cities + label % 97 / 1e4,
            "lon": -120 + 240 * (label * cities // places) / cities + label % 89 / 1e4,
        }
    )


def write_places(layout: Layout, table: pd.DataFrame) -> None:
    layout.places("demo").mkdir(parents=True)
    table.to_parquet(layout.places("demo") / PLACES_FILE, index=False)
    for number in range(30):
        save_photo(layout.dataset("demo") / "Images" / f"{number}.jpg", number, size=(640, 480))


def write_catalog(layout: Layout, findings: Findings, *, quarantined: int) -> None:
    folder = layout.catalog("demo")
    folder.mkdir(parents=True)
    table_of(40, 5, 4).to_parquet(folder / CATALOG_FILE, index=False)
    lost = pd.DataFrame({column.name: ["City01"] * quarantined for column in QUARANTINE_COLUMNS}).astype("string")
    lost.to_parquet(folder / QUARANTINE_FILE, index=False)
    looked_at = {"image": 200 + quarantined, "place": 40, "city": 4, "data set": 1}
    report = findings.report(looked_at, quarantined=quarantined, limit=0.01, level="full")
    (folder / REPORT_FILE).write_text(json.dumps(report.to_json()), encoding="utf-8")


def test_the_tables_of_a_catalog_give_the_verdict_and_every_broken_rule(tmp_path: Path) -> None:
    layout, findings = Layout(tmp_path), Findings()
    findings.add("not_an_image", ["Images/a_b|c`d_e.JPG"], count=12)
    findings.add("places_close_together", [])
    write_catalog(layout, findings, quarantined=50)

    cities = summaries.catalog_table(layout, "demo")
    rules = summaries.validation_table(layout, "demo")

    verdict = "**Not sound**: 50 of 250 images in quarantine (20 %, the limit is 1 %). Level 'full': every image"
    assert cities.startswith(verdict)
    assert rules.startswith(verdict)
    assert "| City00 | 50 | 10 | 2008–2017 | 0 |" in cities
    assert "| City01 | 50 | 10 | 2008–2019 | 50 |" in cities
    assert rules.splitlines()[2:] == [
        "| severity | what was found | count | share | first example |",
        "| :-- | :-- | --: | --: | :-- |",
        "| error | a file is not an image | 12 | 4.8 % | `Images/a_b\\|c'd_e.JPG` |",
    ]


def test_a_sound_catalog_is_a_sentence(tmp_path: Path) -> None:
    write_catalog(Layout(tmp_path), Findings(), quarantined=0)

    text = summaries.validation_table(Layout(tmp_path), "demo")

    assert text.startswith("**Sound**: 0 of 200 images in quarantine (0 %")
    assert text.endswith("Nothing broke a rule.")


def test_places_are_a_row_of_photographs_each_a_map_and_histograms(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    experiment = tiny_experiment(layout)
    write_places(layout, table_of(20, 8, 4))

    sheet = summaries.places_sheet(layout, experiment)

    assert len(re.findall(r"^`City\d\d/\d{7}`: 8 images, \d{4}$", sheet, flags=re.MULTILINE)) == summaries.PLACES
    assert [alt for alt, _ in MARKDOWN_IMAGE.findall(sheet)] == ["Contact sheet of 6 images"] * summaries.PLACES
    assert len(sheet) < LIMIT
    for picture, width in (
        (summaries.places_map_figure(layout, experiment), 1200),
        (summaries.places_histograms(layout, experiment), 1800),
    ):
        found = MARKDOWN_IMAGE.fullmatch(picture)
        assert found is not None
        with Image.open(BytesIO(base64.b64decode(found[2]))) as image:
            assert image.width > width
        assert len(picture) < LIMIT


def test_a_damaged_photograph_costs_a_sheet_its_row_and_no_more(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_places(layout, table_of(5, 6, 1))
    (layout.dataset("demo") / "Images" / "0.jpg").write_bytes(b"")

    sheet = summaries.places_sheet(layout, tiny_experiment(layout))

    assert sheet.count("No picture: Image") == 1
    assert len(MARKDOWN_IMAGE.findall(sheet)) == 4


def test_places_without_coordinates_have_a_sentence_for_a_map(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_places(layout, table_of(4, 4, 1).assign(lat=np.nan))

    assert "no place has coordinates" in summaries.places_map_figure(layout, tiny_experiment(layout))


def test_imported_weights_need_no_places(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    imported = tiny_experiment(layout).model_copy(update={"training": None, "weights": tmp_path / "weights.pth"})

    for preview in (summaries.places_sheet, summaries.places_map_figure, summaries.places_histograms):
        assert "not trained here" in preview(layout, imported)


def test_clauses_are_a_table_of_what_was_left_and_removed() -> None:
    rows = [{"name": "catalog", "images": 530_000, "places": 62_000}, {"name": "a|b <i>", "images": 9, "places": 2}]

    assert summaries.clauses_table(rows).splitlines()[2:] == [
        "| catalog | 530,000 | 62,000 | 0 | 0 |",
        "| a\\|b &lt;i> | 9 | 2 | 529,991 | 61,998 |",
    ]
    assert summaries.clauses_table([]) == "What the filter removed was not recorded."


@pytest.mark.parametrize("name", ["places_sheet", "places_map_figure", "places_histograms"])
def test_a_full_size_places_table_takes_less_than_three_seconds(tmp_path: Path, name: str) -> None:
    layout = Layout(tmp_path)
    experiment = tiny_experiment(layout)
    write_places(layout, table_of(62_500, 8, 23))

    started = time.process_time()  # not of the wall clock, which other processes on the machine would stretch
    text = getattr(summaries, name)(layout, experiment)

    assert time.process_time() - started < 3
    assert len(text) < LIMIT
