"""Audits of what is trained and described: checkpoints, embeddings and indexes."""

import json
from typing import Any, Final

import numpy as np

from gsv_pipeline import compose, recipes
from gsv_pipeline.artifact_files import MODEL_FILE, TRAINING_HISTORY_FILE
from gsv_pipeline.audits import Verdict
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.store import (
    DATABASE_FILE,
    NORM_TOLERANCE,
    QUERIES_FILE,
    load_descriptors,
    missing_rows,
    row_norms,
)
from gsv_pipeline.errors import DataError
from gsv_pipeline.index.flat import INDEX_FILE, load_index, self_query_error
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import require
from gsv_pipeline.models.checkpoint import load_checkpoint
from gsv_pipeline.tracking import Tracker

SELF_QUERY_TOLERANCE: Final = 1e-4
_IMPORTED: Final = Verdict(passed=True, message="The weights were imported, not trained here.")


def audit_checkpoint(layout: Layout, experiment: Experiment, *, tracker: Tracker) -> dict[str, Verdict]:
    """Loss, weights and the worth of a checkpoint. The untrained model is scored once and kept for the reports."""
    require(layout, recipes.checkpoint(layout, experiment))
    experiment = recipes.settled(layout, experiment)
    folder = layout.checkpoint(experiment.name)
    reload = _weights_reload(layout, experiment)
    if experiment.training is None:
        return {"finite_loss": _IMPORTED, "weights_reload": reload, "beats_untrained": _IMPORTED}
    log = json.loads((folder / TRAINING_HISTORY_FILE).read_text(encoding="utf-8"))
    losses = np.array([row["loss"] for row in log["history"]], dtype=np.float64)
    bad = int((~np.isfinite(losses)).sum())
    facts = {"steps": len(losses), "first": round(float(losses[0]), 4), "last": round(float(losses[-1]), 4)}
    return {
        "finite_loss": Verdict(bad == 0, f"{bad} of {len(losses)} steps had a loss that is not finite.", facts),
        "weights_reload": reload,
        "beats_untrained": _beats_untrained(layout, experiment, log, tracker=tracker),
    }


def audit_embeddings(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Values, lengths and number of the descriptors of both sides; those of images left out are zero, and counted."""
    require(layout, recipes.embeddings_of(layout, experiment, benchmark))
    expected = {side: len(paths) for side, paths in compose.benchmark_paths(layout, benchmark, experiment).items()}
    folder = layout.embeddings(benchmark, experiment.name)
    files = {"database": DATABASE_FILE, "queries": QUERIES_FILE}
    norms = {side: row_norms(load_descriptors(folder / file)) for side, file in files.items()}
    kept = [np.delete(values, missing_rows(folder, side)) for side, values in norms.items()]
    bad = sum(int((~np.isfinite(values)).sum()) for values in kept)
    off = max(float(np.abs(values - 1).max(initial=0.0)) for values in kept)
    rows = {side: len(values) for side, values in norms.items()}
    missing = sum(rows.values()) - sum(map(len, kept))
    return {
        "finite": Verdict(bad == 0, f"{bad} descriptors hold values that are not finite."),
        "unit_norm": Verdict(off <= NORM_TOLERANCE, f"Norms are off 1 by {off:.2g} at most.", {"largest_error": off}),
        "row_count": Verdict(rows == expected, f"Found {rows}, expected {expected}.", rows),
        "every_image": Verdict(missing == 0, f"{missing} images could not be read.", {"broken_images": missing}),
    }


def audit_index(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> dict[str, Verdict]:
    """Size of an index, and whether its vectors find themselves."""
    require(layout, recipes.faiss_index(layout, experiment, benchmark))
    folder = layout.embeddings(benchmark, experiment.name)
    descriptors, missing = load_descriptors(folder / DATABASE_FILE), missing_rows(folder, "database")
    index = load_index(layout.faiss_index(benchmark, experiment.name) / INDEX_FILE)
    error = self_query_error(index, descriptors, missing=missing)
    sizes = {"vectors": int(index.ntotal), "descriptors": len(descriptors) - len(missing)}
    return {
        "size": Verdict(
            sizes["vectors"] == sizes["descriptors"],
            f"{sizes['vectors']} vectors for {sizes['descriptors']} descriptors.",
            sizes,
        ),
        "self_query": Verdict(
            error <= SELF_QUERY_TOLERANCE, f"Scores fall short of 1 by {error:.2g} at most.", {"largest_error": error}
        ),
    }


def _weights_reload(layout: Layout, experiment: Experiment) -> Verdict:
    if experiment.callable is not None:
        return Verdict(passed=True, message="A callable keeps its own weights; it was asked once.")
    model = compose.build_model_of(experiment, seed=compose.UNTRAINED_SEED, pretrained=False)
    try:
        load_checkpoint(layout.checkpoint(experiment.name) / MODEL_FILE, model)
    except DataError as error:
        return Verdict(passed=False, message=str(error))
    bad = [name for name, value in model.state_dict().items() if not bool(value.isfinite().all())]
    facts = {"tensors": len(model.state_dict()), "descriptor_size": model.out_dim}
    return Verdict(not bad, f"{len(bad)} tensors hold values that are not finite. {', '.join(bad[:5])}".strip(), facts)


def _beats_untrained(layout: Layout, experiment: Experiment, log: Any, *, tracker: Tracker) -> Verdict:
    best = next((row for row in log["validations"] if row["step"] == log["best_step"]), None)
    if best is None or experiment.training is None:
        return Verdict(passed=True, message="The experiment names no validation benchmark, so nothing was compared.")
    benchmark = experiment.training.validation[0]
    scores = compose.score_baselines(layout, experiment, benchmark, tracker=tracker)
    untrained = next(score for score in scores if score.name == compose.UNTRAINED).recall_at[1]
    trained = float(best[f"{benchmark}/R@1"])
    return Verdict(
        trained > untrained,
        f"R@1 on {benchmark} is {trained:.3f} trained and {untrained:.3f} untrained.",
        {"trained": trained, "untrained": untrained},
    )
