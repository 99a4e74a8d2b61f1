"""What a report that is made again gives beside the one that it replaces: same weights, same images, another day."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import PREDICTIONS_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.evaluation.retrieval_change import Floats, Ints, RetrievalChange


def changed_answers(
    layout: Layout, experiment: Experiment, benchmark: str, *, target: Path, tracker: Tracker
) -> dict[str, Any]:
    """Compare the predictions in `target` with those of the report on disk, which `target` is about to replace.

    Args:
        layout: Where things live.
        experiment: Whose report.
        benchmark: On what.
        target: The new report, so far.
        tracker: Told what was found.

    Returns:
        Facts for the manifest: `model`, by which the next report knows whether the two can be compared, and the
        comparison, where there is one: only drift of packages or hardware is meant, so weights and benchmark must be
        those of then.
    """
    path = layout.recall_report(benchmark, experiment.name)
    model, found = recipes.model_identity(layout, experiment), read_manifest(path)
    images = read_manifest(layout.benchmark(benchmark))
    is_same = (
        found is not None
        and images is not None
        and found.metadata.get("model") == model
        and found.inputs.get(layout.key(layout.benchmark(benchmark))) == images.data_version
    )
    change = _compare(layout, experiment, benchmark, before=path, now=target) if is_same else None
    if found is None or change is None:
        return {"model": model}
    tracker.message(_sentence(change, key=layout.key(path), day=found.created[:10]))
    return {
        "model": model,
        "compared_with": found.created,
        "other_first_answers": change.other_first,
        "other_answers": change.other_lists,
        "similarity_change": round(change.similarity_change, 8),
        "R@1 change": round(change.recall_change, 6),
    }


def _compare(
    layout: Layout, experiment: Experiment, benchmark: str, *, before: Path, now: Path
) -> "RetrievalChange | None":
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.evaluation.retrieval_change import compare_retrievals

    old, new = _stored(before), _stored(now)
    if old is None or new is None:
        return None
    return compare_retrievals(old, new, benchmark_of(layout, experiment, benchmark).positives)


def _stored(folder: Path) -> "tuple[Ints, Floats] | None":
    """[Q, K] predictions and similarities; None where they are gone or damaged, which a new report mends."""
    import numpy as np

    from gsv_pipeline.evaluation.score import SIMILARITIES_FILE

    try:
        return np.load(folder / PREDICTIONS_FILE), np.load(folder / SIMILARITIES_FILE)
    except (OSError, ValueError):
        return None


def _sentence(change: "RetrievalChange", *, key: str, day: str) -> str:
    if not change.other_lists and not change.similarity_change:
        return f"{key}: made again, and every answer to its {change.queries} queries is as on {day}"
    return (
        f"{key}: made again; {change.other_first} of {change.queries} queries have another first answer than on {day}, "
        f"{change.other_lists} other answers or another order; similarities differ by {change.similarity_change:.1g} "
        f"at most, R@1 by {100 * change.recall_change:+.2f} points"
    )
