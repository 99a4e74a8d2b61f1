"""The whole chain on a tiny city: what it leaves, what it says the second time, and that its numbers agree."""

import json

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.tiny import own_experiment, run_chain, tiny_experiment
from tests.trackers import TRACKER, Heard


def test_the_chain_leaves_every_artifact_with_its_manifest(chain_layout: Layout) -> None:
    folders = [
        chain_layout.dataset("demo"),
        chain_layout.catalog("demo"),
        chain_layout.places("demo"),
        chain_layout.checkpoint("demo"),
        chain_layout.leaderboard(),
    ]
    for benchmark in ("demo_val", "demo_test"):
        folders.append(chain_layout.benchmark(benchmark))
        folders.append(chain_layout.embeddings(benchmark, "demo"))
        folders.append(chain_layout.faiss_index(benchmark, "demo"))
        folders.append(chain_layout.recall_report(benchmark, "demo"))
    for folder in folders:
        manifest = read_manifest(folder)
        assert manifest is not None, folder
        assert manifest.provenance["packages"]["torch"]
    assert not list(chain_layout.root.rglob("*.partial"))
    assert not list(chain_layout.root.rglob("*.failed.json"))


def test_training_never_sees_a_benchmark_city(chain_layout: Layout) -> None:
    places = pd.read_parquet(chain_layout.places("demo") / "places.parquet")
    trained = set(places["city"])
    for benchmark in ("demo_val", "demo_test"):
        for side in ("database", "queries"):
            table = pd.read_parquet(chain_layout.benchmark(benchmark) / f"{side}.parquet")
            assert trained.isdisjoint(table["place_id"].str.split("/").str[0])


def test_everything_is_cached_the_second_time_and_says_so(chain_layout: Layout) -> None:
    experiment, heard = tiny_experiment(chain_layout), Heard()
    before = {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("manifest.json")}
    results = [
        stages.fetch_dataset(chain_layout, "demo", tracker=heard),
        stages.build_catalog(chain_layout, "demo", tracker=heard),
        stages.build_places(chain_layout, experiment, tracker=heard),
        stages.train(chain_layout, experiment, tracker=heard),
        stages.build_benchmark(chain_layout, "demo_test", tracker=heard),
        stages.embed(chain_layout, experiment, "demo_test", tracker=heard),
        stages.build_index(chain_layout, experiment, "demo_test", tracker=heard),
        stages.evaluate(chain_layout, experiment, "demo_test", tracker=heard),
        stages.write_leaderboard(chain_layout, tracker=heard),
    ]
    assert all(result.cached for result in results)
    assert len(heard.said) == len(results)
    assert all("unchanged" in text for text in heard.said)
    assert before == {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("manifest.json")}


def test_recall_json_agrees_with_stored_predictions_and_positives(chain_layout: Layout) -> None:
    report = chain_layout.recall_report("demo_test", "demo")
    stored = json.loads((report / "recall.json").read_text())
    predictions = np.load(report / "predictions.npy")
    with np.load(chain_layout.benchmark("demo_test") / "positives.npz") as file:
        positives = np.split(file["flat"], np.cumsum(file["lengths"])[:-1])
    for k in (1, 5, 10):
        hits = [bool(set(row[:k]) & set(rows)) for row, rows in zip(predictions.tolist(), positives, strict=True)]
        assert stored["recall_at"][str(k)] == pytest.approx(np.mean(hits))
        low, high = stored["interval_at"][str(k)]
        assert low <= stored["recall_at"][str(k)] <= high


def test_stated_recall_does_not_depend_on_what_the_processor_is_good_at(chain_layout: Layout) -> None:
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.images import ImageReader

    experiment = tiny_experiment(chain_layout)
    model = stages.compose.load_model(chain_layout, experiment)
    paths = stages.compose.benchmark_paths(chain_layout, "demo_test")["queries"]
    reader = ImageReader(paths, height=32, width=40)
    exact = describe(model, reader, tracker=TRACKER, description="", precision="32-true")
    stored = np.load(chain_layout.embeddings("demo_test", "demo") / "queries.npy")
    np.testing.assert_allclose(stored, exact, atol=1e-6)


def test_the_leaderboard_has_a_row_per_report_and_per_baseline(chain_layout: Layout) -> None:
    rows = json.loads((chain_layout.leaderboard() / "leaderboard.json").read_text())
    for benchmark in ("demo_val", "demo_test"):
        here = [row for row in rows if row["benchmark"] == benchmark]
        assert [row["experiment"] for row in here if not row.get("of")] == ["demo"]
        baselines = {row["experiment"]: row["of"] for row in here if row.get("of")}
        assert baselines == dict.fromkeys(("untrained", "colour_histogram", "thumbnail"), "demo")
    for row in rows:
        assert set(row["recall_at"]) >= {"1", "5", "10", "20"}
        assert all(0.0 <= value <= 1.0 for value in row["recall_at"].values())


def test_baselines_are_shared_by_experiments(chain_layout: Layout) -> None:
    before = {path: path.stat().st_mtime_ns for path in (chain_layout.root / "baseline").rglob("recall.json")}
    assert len(before) == 6
    second = own_experiment(chain_layout, "second", "seed: 7\n")
    stages.build_places(chain_layout, second, tracker=TRACKER)
    run_chain(chain_layout, second, benchmarks=("demo_val", "demo_test"))
    assert before == {path: path.stat().st_mtime_ns for path in (chain_layout.root / "baseline").rglob("recall.json")}
    rows = json.loads((chain_layout.leaderboard() / "leaderboard.json").read_text())
    assert {row["of"] for row in rows if row.get("of")} == {"demo", "second"}


def test_a_report_quotes_the_snapshot_of_its_images_as_long_as_they_are_those(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)

    def page() -> str:
        stages.evaluate(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)
        return (chain_layout.recall_report("demo_test", "demo") / "report.html").read_text()

    def note(listing: str) -> None:
        path = chain_layout.dataset("demo") / "manifest.json"
        values = json.loads(path.read_text())
        values["metadata"]["dvc"] = {"md5": "0123abcd.dir", "nfiles": 121, "listing": listing}
        path.write_text(json.dumps(values))

    assert "not needed, as it can be rendered again" in page()
    catalog = read_manifest(chain_layout.catalog("demo"))
    assert catalog is not None
    note(catalog.config["files"])
    assert "md5 0123abcd.dir, 121 files" in page()
    note("another listing")
    assert "they changed after md5 0123abcd.dir" in page()
