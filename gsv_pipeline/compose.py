"""What stages need from several rooms at once: an experiment's model, its training, its scores and its baselines."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import held_out_cities
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import (
    Recipe,
    describe_difference,
    fingerprint,
    read_json,
    read_manifest,
    require,
    write_json,
)
from gsv_pipeline.production import Output, produce
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import Tracker, Trackers

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from gsv_pipeline.catalog.report import ValidationReport
    from gsv_pipeline.evaluation.score import Score
    from gsv_pipeline.evaluation.validator import RecallValidator
    from gsv_pipeline.images import ImageReader
    from gsv_pipeline.models.vpr_model import VPRModel
    from gsv_pipeline.places.select import Clause

MODEL_FILE: Final = "model.safetensors"
EXPERIMENT_FILE: Final = "experiment.yaml"
HISTORY_FILE: Final = "history.json"
METRICS_FILE: Final = "metrics.jsonl"
UNTRAINED: Final = "untrained"
UNTRAINED_SEED: Final = 0
_IDENTITY_FILE: Final = "identity.json"


def load_catalog(layout: Layout, dataset: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """The catalog of a data set, or some columns of it.

    Raises:
        DataError: Missing or damaged, or the data set is not sound.
    """
    from gsv_pipeline.catalog.schema import CATALOG_FILE
    from gsv_pipeline.catalog.tables import read_table

    require_sound(layout, dataset)
    return read_table(layout.catalog(dataset) / CATALOG_FILE, columns)


def load_validation(layout: Layout, dataset: str) -> "ValidationReport":
    """What validation found in a data set.

    Raises:
        DataError: Missing or damaged.
    """
    from gsv_pipeline.catalog.report import REPORT_FILE, ValidationReport

    return ValidationReport.from_json(read_json(layout.catalog(dataset) / REPORT_FILE))


def require_sound(layout: Layout, dataset: str) -> None:
    """Refuse a data set with more in quarantine than its limit.

    Raises:
        DataError: Names each broken rule with its first examples.
    """
    from gsv_pipeline.catalog.report import REPORT_PAGE

    root = image_root(layout.dataset(dataset))
    remedy = (
        f"Everything is listed in {layout.catalog(dataset) / REPORT_PAGE}. Mend the files below {root} or fetch again "
        f"(gsv-pipeline fetch {dataset} --force); or admit more: gsv-pipeline catalog {dataset} --max-quarantined SHARE"
    )
    load_validation(layout, dataset).require_sound(dataset=dataset, remedy=remedy)


def select(layout: Layout, experiment: Experiment) -> "tuple[pd.DataFrame, list[Clause]]":
    """The places that an experiment's filter selects, and what each clause of it left.

    Raises:
        StaleInputError: There is no catalog, or it is out of date.
        ConfigError: An unknown city, or one that a benchmark tests on.
        DataError: No place is left.
    """
    from gsv_pipeline.places.select import COLUMNS, select_places

    require(layout, recipes.catalog_of(layout, experiment.dataset))
    return select_places(
        load_catalog(layout, experiment.dataset, [name for name in COLUMNS if name != "label"]),
        **experiment.places.model_dump(),
        excluded=held_out_cities(experiment.dataset),
    )


def model_arguments(experiment: Experiment) -> dict[str, Any]:
    """What `build_model` takes, without the seed."""
    parts = experiment.model
    return {
        "backbone": parts.backbone.name,
        "backbone_args": parts.backbone.arguments,
        "aggregator": parts.aggregator.name,
        "aggregator_args": parts.aggregator.arguments,
    }


def build_model_of(experiment: Experiment, *, seed: int, pretrained: bool) -> "VPRModel":
    """The experiment's model with fresh weights; without `pretrained` nothing is downloaded."""
    from gsv_pipeline.models.vpr_model import build_model

    arguments = model_arguments(experiment)
    if not pretrained:
        arguments["backbone_args"] = {**arguments["backbone_args"], "weights": "none"}
    return build_model(**arguments, seed=seed)


def load_model(layout: Layout, experiment: Experiment) -> "nn.Module":
    """The model of an experiment with its checkpoint's weights, ready to describe images.

    Raises:
        StaleInputError: There is no checkpoint, or it was made by another configuration.
    """
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.models.checkpoint import load_checkpoint

    require(layout, recipes.checkpoint(layout, experiment))
    # The checkpoint overwrites every weight: pretrained ones need not be fetched for that.
    model = build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False)
    try:
        load_checkpoint(layout.checkpoint(experiment.name) / MODEL_FILE, model)
    except DataError as error:
        raise DataError(f"{error} To make it anew, run: gsv-pipeline train {experiment.name} --restart") from error
    return prepare(model.eval())


def refuse_changed_training(layout: Layout, experiment: Experiment) -> None:
    """A checkpoint is hours of work: it is not replaced because a setting was edited.

    Raises:
        ConfigError: The checkpoint on disk was made with other settings.
    """
    found = read_manifest(layout.checkpoint(experiment.name))
    wanted = recipes.checkpoint(layout, experiment)
    difference = describe_difference(found.config, wanted.config or {}) if found else ""
    if difference:
        _refuse(layout.key(wanted.path), difference, name=experiment.name)


def train_model(
    layout: Layout,
    experiment: Experiment,
    model: "VPRModel",
    *,
    target: Path,
    tracker: Tracker,
    restart: bool,
    replace: bool,
) -> dict[str, Any]:
    """Train `model` and leave its best weights in it; the log goes into `target`.

    Args:
        layout: Where things live.
        experiment: What to train.
        model: With fresh weights.
        target: The checkpoint's folder.
        tracker: Told about everything.
        restart: Do not go on from a run that was interrupted, unless that was a restart itself.
        replace: Give up an interrupted run of other settings instead of refusing.

    Returns:
        Facts for the manifest: steps, the best one and its recalls.
    """
    from gsv_pipeline.places.dataset import load_places
    from gsv_pipeline.places.select import PLACES_FILE
    from gsv_pipeline.tracking.files import JsonLinesTracker
    from gsv_pipeline.tracking.wandb_run import wandb_run
    from gsv_pipeline.training.fit import fit

    training = experiment.training
    assert training is not None  # stages.train imports weights otherwise
    recipe = recipes.checkpoint(layout, experiment)
    identity = fingerprint(layout, recipe)
    state = layout.training_state(experiment.name)
    ours = {"identity": identity, "config": recipe.config, "restart": restart}
    _open_state(state, ours, replace=replace, name=experiment.name)
    root = image_root(layout.dataset(experiment.dataset))
    places = load_places(layout.places(experiment.name) / PLACES_FILE, image_root=root)
    with wandb_run(
        Trackers(tracker, JsonLinesTracker(state / METRICS_FILE)),
        run_id=f"train-{identity}",
        experiment=experiment.name,
        job_type="train",
        config={**experiment.model_dump(mode="json"), "inputs": input_versions(layout, recipe)},
        folder=layout.wandb(),
    ) as run:
        done = fit(
            model,
            places,
            training=training,
            image=experiment.image,
            seed=experiment.seed,
            validate=_validator(layout, experiment, tracker=tracker),
            state_folder=state,
            tracker=run,
        )
        model.load_state_dict(done.best_weights or {})
        _log_weights(run, model, folder=state, name=experiment.name)
    _write_metrics(target / METRICS_FILE, done.history)
    history = {"history": done.history, "validations": done.validations, "best_step": done.best_step}
    write_json(target / HISTORY_FILE, history)
    best = next((row for row in done.validations if row["step"] == done.best_step), {})
    recalls = {name: round(value, 4) for name, value in best.items() if name != "step"}
    return {
        "steps": done.step,
        "best_step": done.best_step,
        "final_loss": round(done.history[-1]["loss"], 4),
        **recalls,
    }


def describe_side(
    layout: Layout, benchmark: str, *, model: "nn.Module", image: ImageInput, side: str, tracker: Tracker
) -> Any:
    """[N, D] descriptors of the `database` or the `queries` of a benchmark, checked."""
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.embeddings.store import check_descriptors

    reader = _reader(benchmark_paths(layout, benchmark)[side], image)
    descriptors = describe(model, reader, tracker=tracker, description=f"Describing {benchmark} {side}")
    check_descriptors(descriptors, rows=len(reader), what=f"{benchmark} {side}")
    return descriptors


def benchmark_paths(layout: Layout, benchmark: str) -> dict[str, list[Path]]:
    """Image files of both sides, in order."""
    from gsv_pipeline.benchmarks.data import load_benchmark

    data = load_benchmark(layout.benchmark(benchmark))
    root = image_root(layout.dataset(recipes.benchmark_row(benchmark).dataset))
    sides = {"database": data.database, "queries": data.queries}
    return {side: [root / image_id for image_id in table["image_id"]] for side, table in sides.items()}


def score_experiment(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path) -> "Score":
    """Search the index with the queries and score what comes back; predictions and recalls go into `target`."""
    from gsv_pipeline.benchmarks.data import load_benchmark
    from gsv_pipeline.embeddings.store import QUERIES_FILE, load_descriptors
    from gsv_pipeline.evaluation.score import save_predictions, save_score, score_predictions
    from gsv_pipeline.index.flat import INDEX_FILE, load_index, search

    data = load_benchmark(layout.benchmark(benchmark))
    index = load_index(layout.faiss_index(benchmark, experiment.name) / INDEX_FILE)
    queries = load_descriptors(layout.embeddings(benchmark, experiment.name) / QUERIES_FILE)
    predictions, similarities = search(index, queries, DEPTH)
    save_predictions(target, predictions, similarities)
    score = score_predictions(experiment.name, predictions, data)
    facts = {
        "experiment": experiment.name,
        "benchmark": benchmark,
        "descriptor_size": index.d,
        "trained_on": experiment.dataset,
    }
    save_score(target, score, {**facts, "queries": len(data.queries), "database_images": index.ntotal})
    return score


def score_baselines(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> "list[Score]":
    """The untrained model, the colour histogram and the thumbnail: computed once, shared by all experiments."""
    from gsv_pipeline.embeddings.baselines import BASELINES, describe_by
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.evaluation.score import load_score

    paths = benchmark_paths(layout, benchmark)

    def by_name(baseline: str, side: str) -> Any:
        return describe_by(baseline, paths[side], tracker=tracker)

    def by_untrained_model(_: str, side: str) -> Any:
        model = prepare(build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False))
        return describe_side(layout, benchmark, model=model, image=experiment.image, side=side, tracker=tracker)

    architecture = {"model": _random_parts(experiment), "image": experiment.image.model_dump(mode="json")}
    rows: list[tuple[str, Mapping[str, Any], Any]] = [(UNTRAINED, architecture, by_untrained_model)]
    rows += [(name, {}, by_name) for name in BASELINES]
    scores = []
    for name, config, describe in rows:
        recipe = recipes.baseline(layout, benchmark, name, config)
        write = _baseline_writer(layout, benchmark, name=name, describe=describe)
        scores.append(load_score(produce(layout, recipe, write, tracker=tracker).artifact))
    return scores


def log_evaluation(
    layout: Layout, experiment: Experiment, benchmark: str, *, scores: "Sequence[Score]", tracker: Tracker
) -> None:
    """Recalls of the experiment and its baselines to the trackers, W&B among them."""
    from gsv_pipeline.evaluation.recall import KS
    from gsv_pipeline.tracking.wandb_run import wandb_run

    recipe = recipes.recall_report(layout, experiment, benchmark)
    with wandb_run(
        tracker,
        run_id=f"benchmark-{fingerprint(layout, recipe)}",
        experiment=experiment.name,
        job_type="benchmark",
        config={**experiment.model_dump(mode="json"), "inputs": input_versions(layout, recipe)},
        folder=layout.wandb(),
    ) as run:
        run.log({f"{benchmark}/R@{k}": scores[0].recall_at[k] for k in KS}, 0)
        rows: list[list[str | float]] = [[score.name, *(score.recall_at[k] for k in KS)] for score in scores]
        run.table(f"{benchmark}/recall", ["model", *(f"R@{k}" for k in KS)], rows)


@dataclass(frozen=True, slots=True)
class FolderMatches:
    """Two folders of photographs and what was found in the one for the other.

    Args:
        query_names: Relative to their folder.
        database_names: Relative to their folder.
        predictions: [Q, 25] database rows, best first.
        similarities: [Q, 25] cosine similarities.
        positives: Per query the correct rows; None where nothing says which are.
    """

    query_paths: Sequence[Path]
    database_paths: Sequence[Path]
    query_names: Sequence[str]
    database_names: Sequence[str]
    predictions: Any
    similarities: Any
    positives: Any


def match_folders(
    layout: Layout, experiment: Experiment, *, database: Path, queries: Path, labels: Path | None, tracker: Tracker
) -> FolderMatches:
    """Describe both folders with the experiment's checkpoint and search the one with the other.

    Raises:
        DataError: A folder without images, a damaged image or unusable labels.
        StaleInputError: The experiment has no checkpoint.
    """
    from gsv_pipeline.benchmarks.photographs import positives_from_csv, positives_from_names
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.images import list_images
    from gsv_pipeline.index.flat import build_flat, search

    paths = {"database": list_images(database), "queries": list_images(queries)}
    names = {
        side: [path.relative_to(folder).as_posix() for path in paths[side]]
        for side, folder in (("database", database), ("queries", queries))
    }
    positives = (
        positives_from_csv(labels, queries=names["queries"], database=names["database"])
        if labels is not None
        else positives_from_names(paths["queries"], paths["database"])
    )
    model = load_model(layout, experiment)
    described = {
        side: describe(model, _reader(paths[side], experiment.image), tracker=tracker, description=f"Describing {side}")
        for side in paths
    }
    predictions, similarities = search(build_flat(described["database"]), described["queries"], DEPTH)
    return FolderMatches(
        paths["queries"], paths["database"], names["queries"], names["database"], predictions, similarities, positives
    )


def input_versions(layout: Layout, recipe: Recipe) -> dict[str, str]:
    """Data versions of everything an artifact is made from, all the way up."""
    versions: dict[str, str] = {}
    for item in recipe.inputs:
        versions[layout.key(item.path)] = require(layout, item).data_version
        versions.update(input_versions(layout, item))
    return dict(sorted(versions.items()))


def _random_parts(experiment: Experiment) -> dict[str, Any]:
    """The architecture alone: where pretrained weights come from and what is frozen does not shape a random model."""
    parts: dict[str, Any] = experiment.model.model_dump(mode="json")
    for name in ("weights", "layers_to_freeze"):
        parts["backbone"].pop(name, None)
    return parts


def _baseline_writer(layout: Layout, benchmark: str, *, name: str, describe: Any) -> Any:
    def write(target: Path) -> Output:
        from gsv_pipeline.benchmarks.data import load_benchmark
        from gsv_pipeline.evaluation.score import save_score, score_predictions
        from gsv_pipeline.index.flat import build_flat, search

        database, queries = describe(name, "database"), describe(name, "queries")
        predictions, _ = search(build_flat(database), queries, DEPTH)
        score = score_predictions(name, predictions, load_benchmark(layout.benchmark(benchmark)))
        save_score(target, score, {"baseline": name, "benchmark": benchmark, "descriptor_size": database.shape[1]})
        return Output({"R@1": round(score.recall_at[1], 4)})

    return write


def _write_metrics(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """The log of the whole run, each step once: the one beside the state repeats what a killed run did twice."""
    path.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")


def _validator(layout: Layout, experiment: Experiment, *, tracker: Tracker) -> "RecallValidator | None":
    from gsv_pipeline.benchmarks.data import load_benchmark
    from gsv_pipeline.evaluation.validator import RecallValidator, Validation

    training = experiment.training
    if training is None or not training.validation:
        return None
    validations = []
    for name in training.validation:
        paths = benchmark_paths(layout, name)
        reader = _reader(paths["database"] + paths["queries"], experiment.image)
        if reader.fits_in_memory:
            reader.decode_all(tracker, f"Decoding {name}")
        validations.append(Validation(name, load_benchmark(layout.benchmark(name)), reader))
    return RecallValidator(validations, precision=training.precision)


def _reader(paths: Sequence[Path], image: ImageInput) -> "ImageReader":
    from gsv_pipeline.images import ImageReader

    return ImageReader(paths, height=image.height, width=image.width, interpolation=image.interpolation)


def _open_state(folder: Path, ours: Mapping[str, Any], *, replace: bool, name: str) -> None:
    """Keep the state of an interrupted run if it is of this very run; else start in an empty folder.

    A restart goes on from a state that a restart left: a killed `--restart`, typed again, is no third beginning.
    """
    path, restart = folder / _IDENTITY_FILE, ours["restart"]
    found = _read_identity(path)
    if found.get("identity") == ours["identity"] and (found["restart"] or not restart):
        return
    difference = describe_difference(found["config"], ours["config"]) if found else ""
    if difference and not (restart or replace):
        _refuse(f"the interrupted training of '{name}'", difference, name=name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_json(path, ours)


def _read_identity(path: Path) -> dict[str, Any]:
    """Whose state it is; empty where there is none, or a torn file that says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"identity", "config", "restart"} <= found.keys() else {}


def _refuse(what: str, difference: str, *, name: str) -> None:
    raise ConfigError(
        f"{what} was made by another configuration ({difference}). To train anew, run: "
        f"gsv-pipeline train {name} --restart (the checkpoint that is there is kept as {name}.previous). "
        "To keep both, give the changed experiment another name.",
        {"difference": difference},
    )


def _log_weights(tracker: Tracker, model: "VPRModel", *, folder: Path, name: str) -> None:
    from gsv_pipeline.models.checkpoint import save_checkpoint

    save_checkpoint(folder / MODEL_FILE, model)
    tracker.artifact(f"{name}-checkpoint", folder / MODEL_FILE, "model")
