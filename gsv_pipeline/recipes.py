"""What each artifact is made of: its settings, its inputs and the versions of the rooms that make it.

One function per stage, in flow order. The chain of recipes is the asset graph, and what `manifest` compares with disk.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from gsv_pipeline import benchmarks, catalog, embeddings, evaluation, index, models, places, reports, sources, training
from gsv_pipeline.benchmarks import CATALOG, FOLDERS, IMAGES, BenchmarkRow, own
from gsv_pipeline.benchmarks.choice import choose_validation
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, read_manifest
from gsv_pipeline.models.module_file import find_module
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.sources import demo as demo_cities
from gsv_pipeline.sources.own import dataset_row

SHAPES_NO_OUTPUT: Final = {"checkpoint_every_steps", "micro_batch", "compile"}
"""Settings of training that change how it runs and not what it is after; what was used is logged with the result."""

IDENTITY_FILE: Final = "identity.json"
"""Beside the state of an interrupted training: whose it is."""


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


def architecture(layout: Layout, experiment: Experiment, image: ImageInput) -> dict[str, Any]:
    """Model and input size. The same weights give other descriptors in another architecture or at another size."""
    size = {"image": image.model_dump(mode="json")}
    if experiment.callable is None:
        return {**size, "model": experiment.model.model_dump(mode="json")}
    source = find_module(experiment.callable, callable_folders(layout)).file
    named = {"callable": experiment.callable, "arguments": experiment.arguments}
    return {**size, **named, "source": file_hash(source, named="callable")}


def callable_folders(layout: Layout) -> tuple[Path, ...]:
    """Where the modules of callables are looked for before Python's own path."""
    return (layout.experiments(), Path.cwd())


def checkpoint(layout: Layout, experiment: Experiment) -> Recipe:
    """Trained weights, imported ones, or the record of somebody's callable."""
    experiment = settled(layout, experiment)
    config = architecture(layout, experiment, experiment.image)
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


def settled(layout: Layout, experiment: Experiment, *, anew: bool = False) -> Experiment:
    """The experiment with the benchmarks that `validation: auto` stands for.

    What a checkpoint or an interrupted run was validated on is kept, so that a benchmark that is built later makes
    nothing stale.

    Args:
        layout: Where things live.
        experiment: Any.
        anew: Choose among what is there now; only a restart that was interrupted keeps its choice.
    """
    chosen = experiment.training
    if chosen is None or not chosen.chooses_validation:
        return experiment
    kept = _validated_on(layout, experiment.name, anew=anew)
    names = kept if kept is not None else choose_validation(layout, experiment)
    return experiment.model_copy(update={"training": chosen.model_copy(update={"validation": names})})


def _validated_on(layout: Layout, name: str, *, anew: bool) -> tuple[str, ...] | None:
    made, begun = read_manifest(layout.checkpoint(name)), begun_training(layout.training_state(name))
    configs = [made.config if made else {}, begun.get("config", {})]
    if anew:
        configs = [begun.get("config", {})] if begun.get("restart") else []
    for config in configs:
        names = config.get("training", {}).get("validation")
        if isinstance(names, list):
            return tuple(map(str, names))
    return None


def begun_training(state: Path) -> dict[str, Any]:
    """What the training that left `state` is (`identity`, `config`, `restart`); empty where nothing says it."""
    try:
        found = json.loads((state / IDENTITY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # no interrupted run, or one whose note was torn: it will not be resumed
    is_note = isinstance(found, dict) and {"identity", "restart"} <= found.keys()
    return found if is_note and isinstance(found.get("config"), dict) else {}


def benchmark(layout: Layout, name: str) -> Recipe:
    """Database, queries and positives: from a catalog, from a data set that has none, or from two folders."""
    row = benchmark_row(layout, name)
    inputs = {CATALOG: catalog_of, IMAGES: dataset}
    is_own = row.takes == FOLDERS
    return Recipe(
        layout.benchmark(name),
        {"benchmarks": benchmarks.VERSION},
        dict(row.arguments) if is_own else {},
        f"gsv-pipeline benchmark {name}",
        () if is_own else (inputs[row.takes](layout, row.dataset),),
    )


def benchmark_row(layout: Layout, name: str) -> BenchmarkRow:
    """The row of BENCHMARKS, or that of a user.

    Raises:
        ConfigError: Unknown name, or a user's file that cannot be used.
    """
    return own.benchmark_row(layout, name)


def embeddings_of(
    layout: Layout,
    experiment: Experiment,
    benchmark_name: str,
    *,
    precision: str | None = None,
    skip_broken: bool | None = None,
) -> Recipe:
    """Descriptors of both sides of a benchmark.

    Args:
        layout: Where things live.
        experiment: Whose model describes.
        benchmark_name: What is described.
        precision: In which; None: whichever they were made in.
        skip_broken: Whether images that cannot be read may be left out; None: as they were made.
    """
    path = layout.embeddings(benchmark_name, experiment.name)
    found = read_manifest(path)
    made = found.config if found else {}
    config = architecture(layout, experiment, experiment.described_image)
    config["precision"] = precision or made.get("precision", embeddings.PRECISION)
    if made.get("skip_broken", False) if skip_broken is None else skip_broken:
        config["skip_broken"] = True
    return Recipe(
        path,
        {"embeddings": embeddings.VERSION, "models": models.VERSION},
        config,
        f"gsv-pipeline embed {benchmark_name} --experiment {experiment.name}{experiment.settings}",
        (checkpoint(layout, experiment), benchmark(layout, benchmark_name)),
        has_settings=True,
    )


def model_identity(layout: Layout, experiment: Experiment) -> str:
    """What descriptors are comparable by: the weights, the architecture and the input size."""
    found = read_manifest(layout.checkpoint(experiment.name))
    parts = [found.data_version if found else "", architecture(layout, experiment, experiment.described_image)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def faiss_index(layout: Layout, experiment: Experiment, benchmark_name: str, kind: str = index.FLAT) -> Recipe:
    """Index over the database descriptors: the exact one, or a row of INDEXES for deployment.

    Raises:
        ConfigError: Unknown kind.
    """
    if kind not in index.INDEXES:
        raise ConfigError(unknown_name("index", kind, index.INDEXES))
    is_flat, arguments = kind == index.FLAT, index.INDEXES[kind].arguments
    path = layout.faiss_index if is_flat else partial(layout.deployment_index, kind=kind)
    return Recipe(
        path(benchmark_name, experiment.name),
        {"index": index.VERSION},
        {"kind": kind, **arguments},
        f"gsv-pipeline index {benchmark_name} --experiment {experiment.name}{experiment.settings}"
        + ("" if is_flat else f" --kind {kind}"),
        (embeddings_of(layout, experiment, benchmark_name),),
    )


def index_report(layout: Layout, experiment: Experiment, benchmark_name: str) -> Recipe:
    """What every kind of index costs, and how well it agrees with exact search."""
    kinds = {kind: list(map(dict, row.settings)) for kind, row in index.INDEXES.items()}
    return Recipe(
        layout.index_report(benchmark_name, experiment.name),
        {"index": index.VERSION, "reports": reports.VERSION},
        {"settings": kinds},
        f"gsv-pipeline index-report {benchmark_name} --experiment {experiment.name}{experiment.settings}",
        (
            *(faiss_index(layout, experiment, benchmark_name, kind) for kind in index.INDEXES),
            benchmark(layout, benchmark_name),
        ),
    )


def pca(layout: Layout, experiment: Experiment, *, sample: int | None = None) -> Recipe:
    """Principal components, fitted on `sample` of the experiment's training images; None: on however many."""
    path = layout.pca(experiment.name)
    found = read_manifest(path)
    config = architecture(layout, experiment, experiment.described_image)
    config["sample"] = sample if sample is not None else found.config.get("sample") if found else None
    return Recipe(
        path,
        {"embeddings": embeddings.VERSION, "models": models.VERSION},
        config,
        f"gsv-pipeline pca {experiment.name} BENCHMARK{experiment.settings}",
        (checkpoint(layout, experiment), places_of(layout, experiment)),
        has_settings=True,
    )


def pca_report(layout: Layout, experiment: Experiment, benchmark_name: str) -> Recipe:
    """Recall against the size of descriptors."""
    return Recipe(
        layout.pca_report(benchmark_name, experiment.name),
        {"embeddings": embeddings.VERSION, "evaluation": evaluation.VERSION, "reports": reports.VERSION},
        {},
        f"gsv-pipeline pca {experiment.name} {benchmark_name}{experiment.settings}",
        (
            pca(layout, experiment),
            embeddings_of(layout, experiment, benchmark_name),
            benchmark(layout, benchmark_name),
        ),
    )


def recall_report(
    layout: Layout, experiment: Experiment, benchmark_name: str, *, with_images: bool | None = None
) -> Recipe:
    """Predictions, recalls and the page.

    Whether images are shown in spite of their licence holds until it is said anew.
    """
    path = layout.recall_report(benchmark_name, experiment.name)
    found = read_manifest(path) if with_images is None else None
    asked = bool(found.config.get("with_images")) if found else bool(with_images)
    return Recipe(
        path,
        {"evaluation": evaluation.VERSION, "reports": reports.VERSION},
        {"description": experiment.description, **({"with_images": True} if asked else {})},
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


def exported_model(layout: Layout, experiment: Experiment, *, with_onnx: bool, reports: Mapping[str, str]) -> Recipe:
    """An experiment's model for use elsewhere; its card states the recalls of `reports` (key -> data version)."""
    return Recipe(
        layout.export(experiment.name),
        {"models": models.VERSION},
        {**architecture(layout, experiment, experiment.described_image), "onnx": with_onnx, "reports": dict(reports)},
        f"gsv-pipeline export {experiment.name}{experiment.settings}",
        (checkpoint(layout, experiment),),
        has_settings=True,
    )


def file_hash(path: Path, *, named: str = "weights") -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: The file.
        named: The setting of the experiment that names it.

    Raises:
        DataError: Missing or unreadable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check '{named}' in the experiment.") from error
