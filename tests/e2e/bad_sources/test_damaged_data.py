"""A fetch that brings damaged data: it is read where that is right, and stops what follows where it is not."""

from pathlib import Path

import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.catalog.report import read_report
from gsv_pipeline.catalog.schema import CATALOG_FILE, QUARANTINE_FILE
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import NullTracker
from tests.e2e.bad_sources.bad_fetches import GOOD
from tests.e2e.bad_sources.sound import check_sound
from tests.loopback import Loopback
from tests.published import shots_of
from tests.towns import DATASET, Town, city_files, tree, zipped


def test_a_csv_of_another_encoding_is_read_and_named(town: Town, server: Loopback, tmp_path: Path) -> None:
    version, shots = town.version, shots_of(4, 5)
    plain = town.fetch(url=server.put("/utf-8.zip", zipped(city_files(tmp_path / "a", "Zürich", shots))))
    expected = town.catalog()
    table = (town.layout.catalog(DATASET) / CATALOG_FILE).read_bytes()
    odd = zipped(city_files(tmp_path / "b", "Zürich", shots, encoding="cp1252"))
    assert town.fetch(url=server.put("/cp1252.zip", odd)).data_version != plain.data_version
    found = town.catalog()
    assert found.data_version == expected.data_version
    assert (town.layout.catalog(DATASET) / CATALOG_FILE).read_bytes() == table
    assert (found.metadata["cities"], found.metadata["images"], found.metadata["quarantined"]) == (["Zürich"], 20, 0)
    assert found.metadata["warnings"] == expected.metadata["warnings"] + 1
    (warning,) = (item for item in read_report(town.layout.catalog(DATASET)).findings if item.rule == "csv_encoding")
    assert (warning.count, warning.examples) == (1, ("Zürich.csv: cp1252",))
    stages.require_sound(town.layout, DATASET)
    town.fetch(url=server.url(GOOD))
    check_sound(town, version, is_kept=False)


def test_a_csv_with_a_thousand_rows_missing_stops_everything_after_it_until_the_good_one_is_back(
    town: Town, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stages, "check_experiment", lambda *_: None)  # of models: it would import torch for nothing
    experiment = load_experiment(town.layout, "demo", [f"dataset={DATASET}"])
    places = stages.build_places(town.layout, experiment, tracker=NullTracker())
    version, catalog = town.version, town.catalog().artifact / CATALOG_FILE
    table, arrays = catalog.read_bytes(), tree(places.artifact)
    lost = zipped(city_files(tmp_path / "files", "Rome", shots_of(65, 20), rows=300))
    assert town.run("fetch", "--source", "archive", url=server.put("/lost.zip", lost)) == 0
    capsys.readouterr()

    assert town.run("catalog") == 2
    said = capsys.readouterr().err
    assert "Error: Data set 'town' is not sound: 1000 of 1300 images are in quarantine (77 %, the limit is 1 %)" in said
    assert "1000 × an image file has no row in its city's CSV: Images/Rome/Rome_0000015_" in said
    assert "or fetch again (gsv-pipeline fetch town --force); or admit more: gsv-pipeline catalog town" in said
    report = read_report(town.layout.catalog(DATASET))
    assert {item.rule: item.count for item in report.errors} == {"image_without_row": 1000}
    quarantine = pd.read_parquet(catalog.with_name(QUARANTINE_FILE))
    assert quarantine["reason"].tolist() == ["image_without_row"] * 1000
    assert len(pd.read_parquet(catalog)) == 300
    with pytest.raises(DataError, match="1000 of 1300 images are in quarantine"):
        stages.build_places(town.layout, experiment, tracker=NullTracker())
    assert tree(places.artifact) == arrays  # what was made of the sound data set is still there

    assert town.run("fetch", "--source", "archive", url=server.url(GOOD)) == 0
    check_sound(town, version, is_kept=False)
    assert catalog.read_bytes() == table
    again = stages.build_places(town.layout, experiment, tracker=NullTracker())
    assert (again.cached, again.data_version) == (True, places.data_version)
