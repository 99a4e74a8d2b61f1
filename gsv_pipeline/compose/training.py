"""Training an experiment: go on from an interrupted run, refuse a changed one, validate, log."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.compose.models import input_versions
from gsv_pipeline.compose.names import HISTORY_FILE, METRICS_FILE, MODEL_FILE
from gsv_pipeline.compose.scoring import benchmark_paths, image_reader
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import describe_difference, fingerprint, read_manifest, write_json
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import Tracker, Trackers

if TYPE_CHECKING:
    from gsv_pipeline.evaluation.validator import RecallValidator
    from gsv_pipeline.models.vpr_model import VPRModel

_IDENTITY_FILE: Final = "identity.json"


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
        reader = image_reader(paths["database"] + paths["queries"], experiment.image)
        if reader.fits_in_memory:
            reader.decode_all(tracker, f"Decoding {name}")
        validations.append(Validation(name, load_benchmark(layout.benchmark(name)), reader))
    return RecallValidator(validations, precision=training.precision)


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
