"""The scores of an experiment: what its index gives for the queries, and how much of it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import MSLS_FILE, PREDICTIONS_FILE
from gsv_pipeline.compose.runs import describe_run, run_facts
from gsv_pipeline.config import Experiment
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint, write_json
from gsv_pipeline.production import Output
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gsv_pipeline.benchmarks.data import BenchmarkData
    from gsv_pipeline.evaluation.score import Score

FACTS_FILE: Final = "facts.json"


def score_experiment(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> "Score":
    """Search the index with the queries and score what comes back; predictions and recalls go into `target`.

    Raises:
        DataError: The index is damaged, or of another model than the queries.
    """
    from gsv_pipeline.evaluation.outcomes import outcomes_of, save_outcomes
    from gsv_pipeline.evaluation.score import save_score, score_predictions

    found = _retrieve(layout, experiment, benchmark, target=target)
    score = score_predictions(experiment.name, found.predictions, found.data)
    save_score(target, score, found.facts)
    save_outcomes(target, outcomes_of(found.data, found.predictions, found.similarities))
    return score


def predict_only(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> Output:
    """Search where the answers are hidden: predictions as a table and as the challenge takes them, and no recall.

    Raises:
        DataError: The index is damaged, or of another model than the queries.
    """
    from gsv_pipeline.evaluation.prediction_files import write_msls

    found = _retrieve(layout, experiment, benchmark, target=target)
    write_msls(target / MSLS_FILE, found.data, found.predictions)
    write_json(target / FACTS_FILE, found.facts)
    return Output(
        {"queries": len(found.data.queries), "recall": "hidden", "to_hand_in": MSLS_FILE},
        version_files=(MSLS_FILE, PREDICTIONS_FILE),
    )


@dataclass(frozen=True, slots=True)
class _Retrieved:
    """What the index gave.

    Args:
        data: The benchmark as the experiment sees it.
        predictions: [Q, K] database rows, best first.
        similarities: [Q, K].
        facts: What a reader has to know.
    """

    data: "BenchmarkData"
    predictions: "npt.NDArray[np.int64]"
    similarities: "npt.NDArray[np.float32]"
    facts: dict[str, Any]


def _retrieve(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> _Retrieved:
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.embeddings.store import QUERIES_FILE, load_descriptors
    from gsv_pipeline.evaluation.prediction_files import PARQUET_FILE, write_predictions
    from gsv_pipeline.evaluation.score import save_predictions
    from gsv_pipeline.index.files import read_stored
    from gsv_pipeline.index.flat import vectors_of
    from gsv_pipeline.index.search import exact_search

    data = benchmark_of(layout, experiment, benchmark)
    stored = read_stored(layout.faiss_index(benchmark, experiment.name))
    queries = load_descriptors(layout.embeddings(benchmark, experiment.name) / QUERIES_FILE)
    stored.check_descriptors(queries, model=recipes.model_identity(layout, experiment))
    vectors, rows = vectors_of(stored.index)
    predictions, similarities = exact_search(vectors, queries, DEPTH, rows=rows)
    save_predictions(target, predictions, similarities)
    write_predictions(target / PARQUET_FILE, data, predictions, similarities)
    facts = {
        "experiment": experiment.name,
        "benchmark": benchmark,
        "descriptor_size": stored.record.dimensions,
        "trained_on": experiment.trained_on,
        **_search_facts(layout, experiment, benchmark, depth=predictions.shape[1]),
        "queries": len(data.queries),
        "database_images": len(data.database),
    }
    return _Retrieved(data, predictions, similarities, facts)


def _search_facts(layout: Layout, experiment: Experiment, benchmark: str, *, depth: int) -> dict[str, Any]:
    """What a reader of a recall has to know: precision, images without a descriptor, a database that is too small."""
    from gsv_pipeline.embeddings.store import load_broken

    broken = load_broken(layout.embeddings(benchmark, experiment.name))
    facts: dict[str, Any] = {"precision": _precision(layout, experiment, benchmark)}
    if broken:
        facts["broken_images"] = {side: len(images) for side, images in broken.items()}
    if depth < DEPTH:
        facts["depth"] = depth
    return facts


def _precision(layout: Layout, experiment: Experiment, benchmark: str) -> str:
    """Of the descriptors."""
    return str((recipes.embeddings_of(layout, experiment, benchmark).config or {}).get("precision"))


def log_evaluation(
    layout: Layout, experiment: Experiment, benchmark: str, *, scores: "Sequence[Score]", tracker: Tracker
) -> dict[str, str]:
    """Recalls of the experiment and its baselines to the trackers, W&B among them; which run that was."""
    from gsv_pipeline.evaluation.recall import KS
    from gsv_pipeline.tracking.wandb_run import wandb_run

    recipe = recipes.recall_report(layout, experiment, benchmark)
    run_id = f"benchmark-{fingerprint(layout, recipe)}"
    precision = _precision(layout, experiment, benchmark)
    description = describe_run(layout, experiment, recipe, run_id=run_id, job_type="benchmark", precision=precision)
    with wandb_run(tracker, description, folder=layout.wandb()) as run:
        run.log({f"{benchmark}/R@{k}": scores[0].recall_at[k] for k in KS}, 0)
        rows: list[list[str | float]] = [[score.name, *(score.recall_at[k] for k in KS)] for score in scores]
        run.table(f"{benchmark}/recall", ["model", *(f"R@{k}" for k in KS)], rows)
    return run_facts(description, run, without=tracker)
