"""The page on own photographs: its commands are run as they stand there, on a small town."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageFilter

from gsv_pipeline.catalog.photographs import list_cities, read_city
from gsv_pipeline.catalog.report import Findings
from gsv_pipeline.cli import run
from gsv_pipeline.sources.photographs import read_table
from gsv_pipeline.sources.utm_names import Grid, parse_utm_name
from tests.docs_commands import assert_all_run

PAGE = (Path(__file__).parents[1] / "docs" / "your_own_photographs.md").read_text(encoding="utf-8")
SMALL = {
    "weights: imagenet": "weights: none",
    "height: 240, width: 320": "height: 32, width: 40",
    "out_channels: 128": "out_channels: 8",
    "places_per_batch: 30": "places_per_batch: 6",
    "epochs: 10": "epochs: 1",
}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def commands():
    return [line for block in blocks("bash") for line in block.splitlines() if line]


def place_picture(place, take):
    """A blurred pattern of its own for each place, a little brighter in each take."""
    pixels = np.random.default_rng(place).integers(0, 200, (6, 8, 3), dtype=np.uint8) + np.uint8(8 * take)
    return Image.fromarray(pixels).resize((64, 48)).filter(ImageFilter.GaussianBlur(1))


def write_street(folder, *, places, takes):
    """Places 50 m apart, seen several times from within a cell."""
    folder.mkdir(parents=True)
    for place in places:
        for take in takes:
            east, north = 543_250.5 + 50 * place + take, 4_178_905.5
            name = f"@{east:010.2f}@{north:010.2f}@10@S@@@@@090@@@@2013{1 + take:02d}@@.jpg"
            place_picture(place, take).save(folder / name, quality=90)


def test_the_page_holds_what_this_test_runs():
    assert [command.split()[1] for command in commands()] == ["fetch", "catalog", "places", "show", "train", "match"]
    (experiment,) = blocks("yaml")
    assert all(experiment.count(text) == 1 for text in SMALL)
    assert "data/experiments/my_town_convap.yaml" in PAGE
    assert yaml.safe_load(experiment)["dataset"] == "my_town"


def test_the_csv_of_the_page_is_read(tmp_path):
    (text,) = blocks("csv")
    (tmp_path / "places.csv").write_text(text)
    table = read_table(tmp_path / "places.csv")
    assert set(table.columns) == {"image", "place_id", "lat", "lon", "bearing", "year", "month", "city"}
    for name in table.columns["image"]:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (city,) = list_cities(tmp_path, table="places.csv")
    rows = read_city(tmp_path, city, Findings(), table="places.csv")
    assert rows["problem"].tolist() == ["", ""]
    assert (city.name, set(rows["place"])) == ("Altstadt", {"old bridge"})


def test_the_names_of_the_page_are_read():
    form, *examples = (line for line in blocks("text")[0].splitlines())
    assert {line.count("@") for line in (form, *examples)} == {15}
    names = [parse_utm_name(line) for line in examples]
    assert [name.unreadable for name in names] == ["", ""]
    assert f"`{Grid().key(names[0])}`" in PAGE
    assert (names[0].year, names[0].month, names[0].lat) == (2013, 7, 37.75518)


@pytest.mark.slow
def test_the_commands_of_the_page_lead_from_photographs_to_a_recall_page(tmp_path, monkeypatch, capsys):
    photos = tmp_path / "photos"
    write_street(photos / "my_town", places=range(12), takes=range(5))
    write_street(photos / "my_town_test" / "database", places=range(20, 30), takes=[0])
    write_street(photos / "my_town_test" / "queries", places=range(20, 30), takes=[1])
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    monkeypatch.chdir(tmp_path)  # `data/` of the page
    (tmp_path / "data" / "experiments").mkdir(parents=True)
    (experiment,) = blocks("yaml")
    for text, smaller in SMALL.items():
        experiment = experiment.replace(text, smaller)
    (tmp_path / "data" / "experiments" / "my_town_convap.yaml").write_text(experiment)
    for command in commands():
        program, *arguments = shlex.split(command.replace("/photos", str(photos)))
        assert program == "gsv-pipeline"
        assert run(arguments) == 0, f"{command}\n{capsys.readouterr().err}"
    assert_all_run("your_own_photographs.md", commands(), by=__file__)
    printed = capsys.readouterr().out
    assert "R@1" in printed
    (page,) = (tmp_path / "data" / "match").rglob("*.html")
    assert str(page) in printed
    assert (tmp_path / "data" / "datasets" / "my_town.yaml").is_file()
    assert (tmp_path / "data" / "catalog" / "my_town" / "quarantine.parquet").is_file()
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before
