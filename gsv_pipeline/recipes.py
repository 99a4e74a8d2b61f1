"""What each artifact is made of: its settings, its inputs and the versions of the rooms that make it.

One function per stage, in flow order. The chain of recipes is the asset graph, and what `manifest` compares with disk.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gsv_pipeline import benchmarks, catalog, embeddings, evaluation, index, models, places, reports, sources, training
from gsv_pipeline.benchmarks import BENCHMARKS, BenchmarkRow
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, read_manifest
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.sources import demo as demo_cities
from gsv_pipeline.sources.own import dataset_row

SHAPES_NO_OUTPUT: Final = {"checkpoint_every_steps", "micro_batch", "compile"}
"""Settings of training that change how it runs and not what it is after; what was used is logged with the result."""


def dataset(layout: Layout, name: str, fetched: Mapping[str, Any] | None = None) -> Recipe:
    """A fetched data set; with `fetched` (source and arguments) None, however it was fetched is accepted."""
    found = read_manifest(layout.dataset(name)) if fetched is None else None
    known = fetched or (found.config if found else {})
    source = known.get("source") or dataset_row(layout, name).source
    versions = {"sources": sources.VERSION}
    if source == "demo":
        versions["demo"] = demo_cities.VERSION
    return Recipe(layout.dataset(name), versions, fetched, f"gsv-pipeline fetch {name}")


def catalog_of(layout: Layout, name: str, look: Mapping[str, Any] | None = None) -> Recipe:
    """A data set's catalog; `look` says how closely at which files, which only the catalog stage finds out."""
    return Recipe(
        layout.catalog(name),
        {"catalog": catalog.VERSION},
        look,
        f"gsv-pipeline catalog {name}",
        (dataset(layout, name),),
    )


def places_of(layout: Layout, experiment: Experiment) -> Recipe:
    """The places that an experiment trains on."""
    config = {
        "dataset": experiment.dataset,
        "filter": experiment.places.stated(),
        "held_out": sorted(benchmarks.held_out_cities(experiment.dataset)),
    }
    return Recipe(
        layout.places(experiment.name),
        {"places": places.VERSION},
        config,
        f"gsv-pipeline places {experiment.name}{experiment.settings}",
        (catalog_of(layout, experiment.dataset),),
        has_settings=True,
    )


def architecture(experiment: Experiment) -> dict[str, Any]:
    """Model and input size. The same weights give other descriptors in another architecture or at another size."""
    return {
        "image": experiment.image.model_dump(mode="json"),
        "model": experiment.model.model_dump(mode="json"),
    }


def checkpoint(layout: Layout, experiment: Experiment) -> Recipe:
    """Trained weights, or imported ones."""
    config = architecture(experiment)
    versions = {"models": models.VERSION}
    inputs: tuple[Recipe, ...] = ()
    if experiment.weights is not None:
        config["weights"] = file_hash(experiment.weights)
    elif experiment.training is not None:
        config["seed"] = experiment.seed
        config["training"] = experiment.training.model_dump(mode="json", exclude=SHAPES_NO_OUTPUT)
        versions["training"] = training.VERSION
        inputs = (
            places_of(layout, experiment),
            *(benchmark(layout, name) for name in experiment.training.validation),
        )
    command = f"gsv-pipeline train {experiment.name}{experiment.settings}"
    return Recipe(layout.checkpoint(experiment.name), versions, config, command, inputs, has_settings=True)


def benchmark(layout: Layout, name: str) -> Recipe:
    """Database, queries and positives."""
    return Recipe(
        layout.benchmark(name),
        {"benchmarks": benchmarks.VERSION},
        {},
        f"gsv-pipeline benchmark {name}",
        (catalog_of(layout, benchmark_row(name).dataset),),
    )


def benchmark_row(name: str) -> BenchmarkRow:
    """The row of BENCHMARKS.

    Raises:
        ConfigError: Unknown name.
    """
    if name not in BENCHMARKS:
        raise ConfigError(unknown_name("benchmark", name, BENCHMARKS))
    return BENCHMARKS[name]


def embeddings_of(layout: Layout, experiment: Experiment, benchmark_name: str) -> Recipe:
    """Descriptors of both sides of a benchmark."""
    return Recipe(
        layout.embeddings(benchmark_name, experiment.name),
        {"embeddings": embeddings.VERSION, "models": models.VERSION},
        architecture(experiment),
        f"gsv-pipeline embed {benchmark_name} --experiment {experiment.name}{experiment.settings}",
        (checkpoint(layout, experiment), benchmark(layout, benchmark_name)),
        has_settings=True,
    )


def faiss_index(layout: Layout, experiment: Experiment, benchmark_name: str) -> Recipe:
    """Index over the database descriptors."""
    return Recipe(
        layout.faiss_index(benchmark_name, experiment.name),
        {"index": index.VERSION},
        {"kind": "flat"},
        f"gsv-pipeline index {benchmark_name} --experiment {experiment.name}{experiment.settings}",
        (embeddings_of(layout, experiment, benchmark_name),),
    )


def recall_report(layout: Layout, experiment: Experiment, benchmark_name: str) -> Recipe:
    """Predictions, recalls and the page."""
    return Recipe(
        layout.recall_report(benchmark_name, experiment.name),
        {"evaluation": evaluation.VERSION, "reports": reports.VERSION},
        {"description": experiment.description},
        f"gsv-pipeline evaluate {benchmark_name} --experiment {experiment.name}{experiment.settings}",
        (faiss_index(layout, experiment, benchmark_name), benchmark(layout, benchmark_name)),
    )


def baseline(layout: Layout, benchmark_name: str, name: str, config: Mapping[str, Any]) -> Recipe:
    """Recall of a baseline; one per benchmark, and for `untrained` one per architecture."""
    folder = name
    if config:
        text = repr(sorted((key, repr(value)) for key, value in config.items()))
        folder = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Recipe(
        layout.baseline(benchmark_name, folder),
        {"embeddings": embeddings.VERSION, "evaluation": evaluation.VERSION, "models": models.VERSION},
        config,
        f"gsv-pipeline evaluate {benchmark_name}",
        (benchmark(layout, benchmark_name),),
    )


def leaderboard(layout: Layout, report_versions: Mapping[str, str]) -> Recipe:
    """All recalls side by side; `report_versions` are those of the reports on disk."""
    return Recipe(
        layout.leaderboard(),
        {"reports": reports.VERSION},
        {"reports": dict(report_versions)},
        "gsv-pipeline leaderboard",
    )


def exported_model(
    layout: Layout, experiment: Experiment, *, with_onnx: bool, reports: Mapping[str, str]
) -> Recipe:
    """An experiment's model for use elsewhere; its card states the recalls of `reports` (key -> data version)."""
    return Recipe(
        layout.export(experiment.name),
        {"models": models.VERSION},
        {**architecture(experiment), "onnx": with_onnx, "reports": dict(reports)},
        f"gsv-pipeline export {experiment.name}{experiment.settings}",
        (checkpoint(layout, experiment),),
        has_settings=True,
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        DataError: Missing or unreadable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"The checkpoint {path} cannot be read: {error.strerror}. Check 'weights' in the experiment."
        ) from error
