"""Every question of AUDITS is answered, and each one notices the damage that it is about."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest
import safetensors.torch

from gsv_pipeline import compose, recipes, stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.artifact_files import MODEL_FILE
from gsv_pipeline.audits import AUDITS, Verdict
from gsv_pipeline.errors import StaleInputError
from gsv_pipeline.evaluation.accepted import load_accepted, pack_ranks
from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.registry import resolve
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

QUESTIONS = [(kind, name) for kind, audit in AUDITS.items() for name in audit.questions]
PARTITIONED = {"places", "checkpoint", "embeddings", "faiss_index", "recall_report"}
SUBJECT = {
    "dataset": ["demo"],
    "catalog": ["demo"],
    "benchmark": ["demo_test"],
    "embeddings": ["demo_test"],
    "faiss_index": ["demo_test"],
    "recall_report": ["demo_test"],
}


def ask(layout: Layout, kind: str) -> dict[str, Verdict]:
    experiments = [tiny_experiment(layout)] if kind in PARTITIONED else []
    answer = resolve(AUDITS[kind].answer)
    return answer(layout, *experiments, *SUBJECT.get(kind, []), tracker=NullTracker())


def change_table(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def change_json(path: Path, change: Callable[[object], object]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def change_catalog(layout: Layout, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change_table(layout.catalog("demo") / "catalog.parquet", change)


def change_embeddings(layout: Layout, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = layout.embeddings("demo_test", "demo") / "database.npy"
    np.save(path, change(np.load(path)))


def impossible_month(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(month=table["month"].where(table.index != 0, 13))


def panorama_in_two_places(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(panoid=table["panoid"].where(table.index != 0, table["panoid"].iloc[-1]))


def much_in_quarantine(report: dict) -> dict:
    return {**report, "quarantined": report["looked_at"]["image"]}


def loss_of_nothing(log: dict) -> dict:
    log["history"][0]["loss"] = float("nan")
    return log


def validation_recall_of_zero(log: dict) -> dict:
    log["validations"] = [{name: 0.0 if name != "step" else v for name, v in row.items()} for row in log["validations"]]
    return log


def weights_of_nothing(layout: Layout) -> None:
    path = layout.checkpoint("demo") / MODEL_FILE
    tensors = safetensors.torch.load_file(path)
    first = sorted(tensors)[0]
    tensors[first] = tensors[first] * float("nan")
    safetensors.torch.save_file(tensors, path)


def positive_outside(layout: Layout) -> None:
    path = layout.benchmark("demo_test") / "positives.npz"
    with np.load(path) as stored:
        flat, lengths = stored["flat"].copy(), stored["lengths"]
    flat[0] = 10_000
    np.savez(path, flat=flat, lengths=lengths)


def truncated_query(layout: Layout) -> None:
    path = compose.benchmark_paths(layout, "demo_test")["queries"][0]
    path.write_bytes(path.read_bytes()[:-200])


def query_in_database(layout: Layout) -> None:
    query = pd.read_parquet(layout.benchmark("demo_test") / "queries.parquet")["image_id"].iloc[0]
    path = layout.benchmark("demo_test") / "database.parquet"
    change_table(path, lambda table: table.assign(image_id=table["image_id"].where(table.index != 0, query)))


def not_as_published(manifest: dict) -> dict:
    manifest["metadata"]["deviations"] = ["3 queries, expected 4 (its paper)"]
    return manifest


def image_left_out(layout: Layout) -> None:
    change_embeddings(layout, lambda values: values * (np.arange(len(values)) > 0)[:, None])
    broken = [{"row": 0, "image": "first.jpg", "problem": "it is empty"}]
    (layout.embeddings("demo_test", "demo") / "broken.json").write_text(json.dumps({"database": broken}))


def half_index(layout: Layout) -> None:
    path = str(layout.faiss_index("demo_test", "demo") / "index.faiss")
    index = faiss.read_index(path)
    index.remove_ids(np.arange(3))
    faiss.write_index(index, path)


def impossible_recall(report: dict) -> dict:
    report["recall_at"]["25"] = 1.5
    return report


def falling_recall(report: dict) -> dict:
    report["recall_at"].update({"1": 1.0, "2": 0.5})
    return report


def every_answer_lost(layout: Layout) -> None:
    (accepted,) = accept(layout, tiny_experiment(layout), benchmarks=["demo_test"], reason="before the loss")
    ranks = np.zeros(load_accepted(accepted.path).queries, dtype=np.int64)
    change_json(accepted.path, lambda record: {**record, "ranks": pack_ranks(ranks)})
    path = layout.recall_report("demo_test", "demo") / OUTCOMES_FILE
    change_table(path, lambda table: table.assign(rank=25, place=table["query"]))  # eight places say more than four


def no_rows(rows: list) -> list:
    return [row for row in rows if row["benchmark"] != "demo_test"]


def remove_city(layout: Layout, city: str) -> None:
    (layout.dataset("demo") / "Dataframes" / f"{city}.csv").unlink()
    shutil.rmtree(layout.dataset("demo") / "Images" / city)


def add_image(layout: Layout) -> None:
    first = sorted((layout.dataset("demo") / "Images").rglob("*.JPG"))[0]
    shutil.copy(first, first.with_name("added.JPG"))


SABOTAGE: dict[tuple[str, str], Callable[[Layout], object]] = {
    ("dataset", "expected_cities"): lambda at: remove_city(at, "Marwick"),
    ("dataset", "csv_has_folder"): lambda at: shutil.rmtree(at.dataset("demo") / "Images" / "Marwick"),
    ("catalog", "schema"): lambda at: change_catalog(at, lambda table: table.drop(columns="bytes")),
    ("catalog", "ranges"): lambda at: change_catalog(at, impossible_month),
    ("catalog", "quarantine"): lambda at: change_json(at.catalog("demo") / "validation.json", much_in_quarantine),
    ("catalog", "unchanged"): lambda at: add_image(at),
    ("catalog", "duplicates"): lambda at: change_catalog(at, panorama_in_two_places),
    ("catalog", "as_published"): lambda at: change_catalog(at, lambda table: table.assign(city="Atlantis")),
    ("catalog", "place_separation"): lambda at: change_catalog(at, lambda table: table.assign(lat=0.0, lon=0.0)),
    ("places", "images_per_place"): lambda at: change_table(at.places("demo") / "places.parquet", lambda t: t.iloc[1:]),
    ("places", "labels"): lambda at: change_table(
        at.places("demo") / "places.parquet", lambda t: t.assign(label=t["label"].max() - t["label"])
    ),
    ("checkpoint", "finite_loss"): lambda at: change_json(at.checkpoint("demo") / "history.json", loss_of_nothing),
    ("checkpoint", "weights_reload"): weights_of_nothing,
    ("checkpoint", "beats_untrained"): lambda at: change_json(
        at.checkpoint("demo") / "history.json", validation_recall_of_zero
    ),
    ("benchmark", "indices"): positive_outside,
    ("benchmark", "files_readable"): truncated_query,
    ("benchmark", "counts"): query_in_database,
    ("benchmark", "as_published"): lambda at: change_json(
        at.benchmark("demo_test") / "manifest.json", not_as_published
    ),
    ("embeddings", "finite"): lambda at: change_embeddings(at, lambda values: values * np.nan),
    ("embeddings", "unit_norm"): lambda at: change_embeddings(at, lambda values: values * 2),
    ("embeddings", "row_count"): lambda at: change_embeddings(at, lambda values: values[:-1]),
    ("embeddings", "every_image"): image_left_out,
    ("faiss_index", "size"): half_index,
    ("faiss_index", "self_query"): lambda at: change_embeddings(at, lambda values: -values),
    ("recall_report", "in_range"): lambda at: change_json(
        at.recall_report("demo_test", "demo") / "recall.json", impossible_recall
    ),
    ("recall_report", "not_worse"): every_answer_lost,
    ("recall_report", "non_decreasing"): lambda at: change_json(
        at.recall_report("demo_test", "demo") / "recall.json", falling_recall
    ),
    ("leaderboard", "every_report"): lambda at: change_json(at.leaderboard() / "leaderboard.json", no_rows),
}


def test_every_question_has_a_sabotage_that_it_must_notice() -> None:
    assert QUESTIONS
    assert set(SABOTAGE) == set(QUESTIONS)


@pytest.mark.parametrize("kind", AUDITS)
def test_a_sound_chain_passes_every_blocking_question(tiny_chain: Path, kind: str) -> None:
    verdicts = ask(Layout(tiny_chain), kind)

    assert set(verdicts) == set(AUDITS[kind].questions)
    blocking = [name for name, question in AUDITS[kind].questions.items() if question.blocking]
    assert [name for name in blocking if not verdicts[name].passed] == []


@pytest.mark.parametrize(("kind", "name"), QUESTIONS)
def test_damage_is_noticed_and_described(chain_layout: Layout, kind: str, name: str) -> None:
    SABOTAGE[kind, name](chain_layout)

    verdict = ask(chain_layout, kind)[name]

    assert not verdict.passed
    assert verdict.message


@pytest.mark.parametrize("kind", AUDITS)
def test_an_artifact_that_is_not_there_is_refused_with_the_command_that_makes_it(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StaleInputError, match="Run: gsv-pipeline"):
        ask(Layout(tmp_path), kind)


def test_a_cut_checkpoint_fails_with_the_reason(chain_layout: Layout) -> None:
    path = chain_layout.checkpoint("demo") / MODEL_FILE
    path.write_bytes(path.read_bytes()[:100])

    assert "cut short" in ask(chain_layout, "checkpoint")["weights_reload"].message


def test_a_model_above_the_untrained_one_passes(chain_layout: Layout) -> None:
    def best(log: dict) -> dict:
        log["validations"] = [{**row, "demo_val/R@1": 1.1} for row in log["validations"]]
        return log

    change_json(chain_layout.checkpoint("demo") / "history.json", best)

    assert ask(chain_layout, "checkpoint")["beats_untrained"].passed


def test_without_validation_nothing_is_compared(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout, "training.validation=[]", "training.epochs=1")
    stages.train(chain_layout, experiment, tracker=NullTracker(), restart=True)

    answer = resolve(AUDITS["checkpoint"].answer)(chain_layout, experiment, tracker=NullTracker())

    assert answer["beats_untrained"].passed
    assert "nothing was compared" in answer["beats_untrained"].message


def test_an_experiment_that_imports_weights_needs_neither_places_nor_a_loss(chain_layout: Layout) -> None:
    weights = chain_layout.checkpoint("demo") / MODEL_FILE
    trained = tiny_experiment(chain_layout)
    imported = trained.model_copy(update={"name": "imported", "training": None, "weights": weights})
    stages.train(chain_layout, imported, tracker=NullTracker())

    for kind in ("places", "checkpoint"):
        verdicts = resolve(AUDITS[kind].answer)(chain_layout, imported, tracker=NullTracker())
        assert all(verdict.passed for verdict in verdicts.values())
    assert recipes.checkpoint(chain_layout, imported).inputs == ()
    assert not chain_layout.places("imported").exists()
