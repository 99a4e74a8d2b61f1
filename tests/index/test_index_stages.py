"""Indexes as artifacts: kinds, their report, and what an index refuses."""

import json

import numpy as np
import pytest

from gsv_pipeline import stages
from gsv_pipeline.cli import run
from gsv_pipeline.errors import ConfigError, DataError, StaleInputError
from gsv_pipeline.index import INDEXES
from gsv_pipeline.index.files import read_stored, write_stored
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_TRAINING, tiny_experiment

TRACKER = NullTracker()


def test_the_flat_index_knows_its_images_and_its_model(chain_layout):
    import pandas as pd

    stored = read_stored(chain_layout.faiss_index("demo_test", "demo"))
    table = pd.read_parquet(chain_layout.benchmark("demo_test") / "database.parquet")
    assert list(stored.images) == table["image_id"].tolist()
    assert stored.record.vectors == len(table)
    assert len(stored.record.model) == 16


def test_every_kind_is_an_artifact_of_its_own_and_the_report_compares_them(chain_layout):
    experiment = tiny_experiment(chain_layout)
    report = stages.report_indexes(chain_layout, experiment, "demo_test", tracker=TRACKER)
    rows = json.loads((report.artifact / "index_report.json").read_text())
    assert {row["kind"] for row in rows} == set(INDEXES)
    for row in rows:
        assert set(row) >= {"setting", "build_seconds", "bytes_per_image", "queries_per_s", "recall_at", "agreement_at"}
        assert set(row["queries_per_s"]) == {"1", "64"}
        assert all(0 <= value <= 1 for value in [*row["recall_at"].values(), *row["agreement_at"].values()])
    flat = next(row for row in rows if row["kind"] == "flat")
    assert flat["agreement_at"] == {"1": 1.0, "10": 1.0}
    scored = json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())
    assert flat["recall_at"]["1"] == pytest.approx(scored["recall_at"]["1"])
    page = (report.artifact / "index_report.html").read_text()
    assert all(kind in page for kind in INDEXES)
    assert "http://" not in page
    assert "https://" not in page
    assert (report.artifact / "index_report.svg").read_text().startswith("<?xml")
    assert stages.report_indexes(chain_layout, experiment, "demo_test", tracker=TRACKER).cached


def test_the_command_line_builds_and_compares(chain_layout, capsys):
    common = ["demo_test", "-e", "demo", *TINY_TRAINING]
    assert run(["--data-root", str(chain_layout.root), "index", *common, "--kind", "hnsw_sq8"]) == 0
    manifest = read_manifest(chain_layout.deployment_index("demo_test", "demo", "hnsw_sq8"))
    assert manifest is not None
    assert manifest.metadata["kind"] == "hnsw_sq8"
    assert run(["--data-root", str(chain_layout.root), "index-report", *common]) == 0
    assert "index_report/demo_test/demo" in capsys.readouterr().out
    assert run(["--data-root", str(chain_layout.root), "index", *common, "--kind", "hnsw"]) == 2
    assert "'flat', 'hnsw_sq8'" in capsys.readouterr().err


def test_an_unknown_kind_is_refused_with_a_guess(chain_layout):
    with pytest.raises(ConfigError, match="Unknown index 'hnsw'. Did you mean 'hnsw_sq8'"):
        stages.build_index(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, kind="hnsw")


def test_scoring_refuses_an_index_of_another_model(chain_layout):
    experiment = tiny_experiment(chain_layout)
    folder = chain_layout.faiss_index("demo_test", "demo")
    stored = read_stored(folder)
    record = type(stored.record)("flat", "0123456789abcdef", stored.record.dimensions, stored.record.vectors)
    write_stored(folder, stored.index, record, images=list(stored.images))
    with pytest.raises(DataError, match="of the model 0123456789abcdef, and these are of "):
        stages.evaluate(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)


def test_an_index_that_was_cut_short_stops_the_evaluation(chain_layout):
    path = chain_layout.faiss_index("demo_test", "demo") / "index.faiss"
    path.write_bytes(path.read_bytes()[:-64])
    with pytest.raises(DataError, match="no readable FAISS index .*cut short"):
        stages.evaluate(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, force=True)


def test_a_checkpoint_that_changed_after_the_embeddings_is_noticed(chain_layout):
    changed = tiny_experiment(chain_layout, "seed=9")
    stages.train(chain_layout, changed, tracker=TRACKER, replace=True)
    for stage in (stages.build_index, stages.evaluate):
        with pytest.raises(StaleInputError, match="Run: gsv-pipeline (embed|index) demo_test"):
            stage(chain_layout, changed, "demo_test", tracker=TRACKER)


def test_a_database_smaller_than_k_is_said(chain_layout):
    scored = json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())
    predictions = np.load(chain_layout.recall_report("demo_test", "demo") / "predictions.npy")
    assert scored["database_images"] == predictions.shape[1] == scored["depth"] < 25
    assert scored["recall_at"]["25"] == scored["recall_at"][str(scored["depth"])]
