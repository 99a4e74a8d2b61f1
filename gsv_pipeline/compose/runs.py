"""What a training, an embedding or a benchmark is, as a tracking service is told; and the logs beside a checkpoint."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import TRAINING_LOG_FILE
from gsv_pipeline.benchmarks import FOLDERS
from gsv_pipeline.compose.models import input_versions
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.manifest import Recipe
from gsv_pipeline.provenance import CHANGES, code_version, provenance
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker
from gsv_pipeline.tracking.csv_log import STEP, TRAINING, write_rows
from gsv_pipeline.tracking.files import JsonLinesTracker
from gsv_pipeline.tracking.wandb_run import RunDescription, page_of

METRICS_TABLE: Final = "metrics.csv"
MEMORY_FILE: Final = "wandb.json"
GALLERY_FOLDER: Final = "gallery"
_DATA: Final = ("places", "benchmark")


def describe_run(
    layout: Layout, experiment: Experiment, recipe: Recipe, *, run_id: str, job_type: str, precision: str
) -> RunDescription:
    """All that a person needs who finds the run later.

    Args:
        layout: Where things live.
        experiment: Of the run.
        recipe: What is made.
        run_id: Equal for a run that is resumed.
        job_type: `train`, `embed` or `benchmark`.
        precision: In which it computes.
    """
    experiment = recipes.settled(layout, experiment)
    shown = experiment.training.validation if experiment.training else ()
    return RunDescription(
        run_id=run_id,
        experiment=experiment.name,
        job_type=job_type,
        config={
            **experiment.model_dump(mode="json"),
            "inputs": input_versions(layout, recipe),
            **_code(),
            "machine": _machine(precision),
        },
        tags=_tags(experiment),
        data=_data(layout, recipe),
        redistributable=all(_may_be_copied(layout, name) for name in shown),
    )


def run_facts(description: RunDescription, run: Tracker, *, without: Tracker) -> dict[str, str]:
    """Which W&B run a stage logged to, for its manifest; nothing where W&B is absent, disabled or failing.

    Args:
        description: Of the run.
        run: What `wandb_run` gave.
        without: What it was given, and gives back where there is no run.
    """
    if run is without:
        return {}
    page = page_of(run)
    return {"wandb_run": description.run_id, **({"wandb_page": page} if page else {})}


def _may_be_copied(layout: Layout, benchmark: str) -> bool:
    """Whether its images may stand in public places, as its row or that of its data set says."""
    row = recipes.benchmark_row(layout, benchmark)
    return row.redistributable if row.takes == FOLDERS else dataset_row(layout, row.dataset).redistributable


def _code() -> dict[str, Any]:
    version = code_version()
    facts = provenance()
    return {
        "git": {"commit": version.removesuffix(CHANGES), "changed": version.endswith(CHANGES)},
        "packages": {"gsv-pipeline": facts["gsv_pipeline"], "python": facts["python"], **facts["packages"]},
    }


def _machine(precision: str) -> dict[str, Any]:
    """Device, precision and processes: they shape a result a little, and a time much."""
    import torch

    from gsv_pipeline.hardware import choose_device

    device = choose_device()
    return {
        "device": device,
        "name": torch.cuda.get_device_name() if device == "cuda" else "",
        "precision": precision,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "cpus": os.cpu_count() or 1,
    }


def _tags(experiment: Experiment) -> list[str]:
    if experiment.callable is not None:
        return [experiment.callable]
    parts = [experiment.dataset, experiment.model.backbone.name, experiment.model.aggregator.name]
    return list(dict.fromkeys([*parts, *([experiment.training.loss.name] if experiment.training else [])]))


def _data(layout: Layout, recipe: Recipe) -> dict[str, list[Path]]:
    """The manifests of places and benchmarks, each with its catalog's; a data set's may name a URL with a token."""
    found: dict[str, list[Path]] = {}
    for item in recipe.inputs:
        kind, _, name = layout.key(item.path).partition("/")
        if kind in _DATA:
            catalogs = [parent.path for parent in item.inputs if layout.key(parent.path).startswith("catalog/")]
            found[f"{kind}-{name}"] = [path / MANIFEST for path in (item.path, *catalogs)]
        else:
            found.update(_data(layout, item))
    return dict(sorted(found.items()))


def keep_logs(
    state: Path, target: Path, *, history: Sequence[Mapping[str, float]], validations: Sequence[Mapping[str, float]]
) -> None:
    """The log of the whole run, each step once: what lies beside the state repeats what a killed run did twice.

    Args:
        state: The folder of the training state.
        target: The checkpoint's folder.
        history: A row per step.
        validations: A row per validation.
    """
    rows: dict[int, dict[str, float]] = {}
    for prefix, logged in ((TRAINING, history), ("", validations)):
        for row in logged:
            numbers = {f"{prefix}{name}": value for name, value in row.items() if name != STEP}
            rows.setdefault(int(row[STEP]), {}).update(numbers)
    write_rows(target / METRICS_TABLE, rows)
    lines = JsonLinesTracker(target / TRAINING_LOG_FILE)
    for step in sorted(rows):
        lines.log(rows[step], step)
    if (state / GALLERY_FOLDER).is_dir():
        shutil.copytree(state / GALLERY_FOLDER, target / GALLERY_FOLDER)
