"""Training an experiment: validate, log, and leave the best weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import (
    EXPERIMENT_FILE,
    MODEL_FILE,
    TRAINING_HISTORY_FILE,
    TRAINING_LOG_FILE,
)
from gsv_pipeline.benchmarks.choice import how_to_validate
from gsv_pipeline.compose.decoded import keep_decoded
from gsv_pipeline.compose.extraction import benchmark_paths, image_reader
from gsv_pipeline.compose.gallery import ValidationGallery
from gsv_pipeline.compose.interrupted import open_state
from gsv_pipeline.compose.models import build_model_of, is_pretrained, record_callable
from gsv_pipeline.compose.runs import GALLERY_FOLDER, MEMORY_FILE, METRICS_TABLE, describe_run, keep_logs, run_facts
from gsv_pipeline.compose.weights import best_recalls, keep_last, known_of, log_weights
from gsv_pipeline.config import Experiment
from gsv_pipeline.hardware import choose_device, device_words
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint, write_json
from gsv_pipeline.production import Output
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import NullTracker, Tracker, Trackers

if TYPE_CHECKING:
    from gsv_pipeline.evaluation.validator import OnRetrieval, RecallValidator
    from gsv_pipeline.models.vpr_model import VPRModel
    from gsv_pipeline.training.processes import Processes
    from gsv_pipeline.training.state import Progressed


def write_checkpoint(
    layout: Layout,
    experiment: Experiment,
    *,
    target: Path,
    processes: "Processes",
    tracker: Tracker,
    restart: bool,
    replace: bool,
) -> Output:
    """Weights that were trained or imported, with the experiment beside them; or the record of a callable.

    Args:
        layout: Where things live.
        experiment: What is made.
        target: The checkpoint's folder.
        processes: Those that train together; this one is the first.
        tracker: Told about everything.
        restart: As in `train_model`.
        replace: As in `train_model`.
    """
    from gsv_pipeline.models.checkpoint import load_checkpoint, save_checkpoint

    if experiment.callable is not None:
        return record_callable(layout, experiment, target=target, tracker=tracker)
    model = build_model_of(experiment, seed=experiment.seed, pretrained=experiment.weights is None)
    if experiment.weights is not None:
        load_checkpoint(experiment.weights, model)
        facts: dict[str, Any] = {"imported_from": experiment.weights.name}
    else:
        if experiment.training is not None and not experiment.training.validation:
            tracker.message(how_to_validate(experiment))
        facts = train_model(
            layout,
            experiment,
            model,
            target=target,
            processes=processes,
            tracker=tracker,
            restart=restart,
            replace=replace,
        )
    save_checkpoint(target / MODEL_FILE, model)
    (target / EXPERIMENT_FILE).write_text(experiment.to_yaml(), encoding="utf-8")
    size = {"descriptor_size": model.out_dim, "parameters": sum(weight.numel() for weight in model.parameters())}
    return Output({**facts, **size}, version_files=(MODEL_FILE,))


def train_model(
    layout: Layout,
    experiment: Experiment,
    model: "VPRModel",
    *,
    target: Path,
    processes: "Processes",
    tracker: Tracker,
    restart: bool,
    replace: bool,
) -> dict[str, Any]:
    """Train `model` and leave its best weights in it; the log goes into `target`, and last weights that are others.

    Args:
        layout: Where things live.
        experiment: What to train.
        model: With fresh weights.
        target: The checkpoint's folder.
        processes: Those that train together; this one is the first.
        tracker: Told about everything.
        restart: Do not go on from a run that was interrupted, unless that was a restart itself.
        replace: Set an interrupted run of other settings aside instead of refusing.

    Returns:
        Facts for the manifest: steps, the best one and its recalls, and how it was trained.
    """
    from gsv_pipeline.tracking.csv_log import CsvTracker
    from gsv_pipeline.tracking.files import JsonLinesTracker
    from gsv_pipeline.tracking.wandb_memory import RunMemory
    from gsv_pipeline.tracking.wandb_run import wandb_run

    recipe = recipes.checkpoint(layout, experiment)
    identity = fingerprint(layout, recipe)
    ours = {"identity": identity, "config": recipe.config, "restart": restart}
    state = open_state(layout, experiment, ours, replace=replace, tracker=tracker)
    memory = RunMemory.open(state / MEMORY_FILE, log=state / TRAINING_LOG_FILE)
    tracker.message(device_words(choose_device(), _precision(experiment), processes=processes.size))
    logs = Trackers(tracker, JsonLinesTracker(state / TRAINING_LOG_FILE), CsvTracker(state / METRICS_TABLE))
    description = describe_run(
        layout,
        experiment,
        recipe,
        run_id=f"train-{identity}-{memory.attempt}",
        job_type="train",
        precision=_precision(experiment),
    )
    with wandb_run(logs, description, folder=layout.wandb(), memory=memory) as run:
        processes.begin()
        gallery = ValidationGallery(state / GALLERY_FOLDER, run)
        done = _fit(
            layout, experiment, model, processes=processes, tracker=Trackers(run, gallery), on_retrieval=gallery.keep
        )
        last = keep_last(model, done, target=target)
        model.load_state_dict(done.best_weights or {})
        log_weights(run, model, folder=state, name=experiment.name, metadata=known_of(done, description))
    keep_logs(state, target, history=done.history, validations=done.validations)
    history = {"history": done.history, "validations": done.validations, "best_step": done.best_step}
    write_json(target / TRAINING_HISTORY_FILE, history)
    recalls = {name: round(value, 4) for name, value in best_recalls(done).items()}
    return {
        "steps": done.step,
        "best_step": done.best_step,
        **last,
        "final_loss": round(done.history[-1]["loss"], 4),
        **recalls,
        **_manner(experiment, done, processes),
        **run_facts(description, run, without=logs),
    }


def assist_training(layout: Layout, experiment: Experiment, *, processes: "Processes") -> None:
    """In all processes but the first: the same training, without files, log and network.

    Args:
        layout: Where things live.
        experiment: What the first process trains.
        processes: Those that train together.
    """
    # The first process sends its weights, so nothing is downloaded here; what it freezes is frozen here too.
    model = build_model_of(experiment, seed=experiment.seed, pretrained=False)
    if is_pretrained(experiment):
        model.backbone.freeze()
    _fit(layout, experiment, model, processes=processes, tracker=NullTracker())


def _fit(
    layout: Layout,
    experiment: Experiment,
    model: "VPRModel",
    *,
    processes: "Processes",
    tracker: Tracker,
    on_retrieval: "OnRetrieval | None" = None,
) -> "Progressed":
    from gsv_pipeline.places.dataset import load_places
    from gsv_pipeline.places.select import PLACES_FILE
    from gsv_pipeline.training.fit import fit

    assert experiment.training is not None  # stages.train imports weights otherwise
    root = image_root(layout.dataset(experiment.dataset))
    return fit(
        model,
        load_places(layout.places(experiment.name) / PLACES_FILE, image_root=root),
        training=experiment.training,
        image=experiment.image,
        seed=experiment.seed,
        validate=_validator(layout, experiment, processes=processes, tracker=tracker, on_retrieval=on_retrieval),
        state_folder=layout.training_state(experiment.name),
        tracker=tracker,
        processes=processes,
    )


def _manner(experiment: Experiment, done: "Progressed", processes: "Processes") -> dict[str, Any]:
    """How the weights came about, where settings alone do not say it: batch-norm sees one piece in one process."""
    assert experiment.training is not None  # as in _fit
    whole = -(-experiment.training.places_per_batch // processes.size) * experiment.training.images_per_place
    rates = [row["images_per_s"] for row in done.history]
    return {
        "device": choose_device(),
        "precision": _precision(experiment),
        "processes": processes.size,
        "micro_batch": min(done.micro_batch or whole, whole),
        "images_per_s": round(sorted(rates)[len(rates) // 2], 1),
    }


def _precision(experiment: Experiment) -> str:
    from gsv_pipeline.training.fit import precision_of

    assert experiment.training is not None  # as in _fit
    return precision_of(experiment.training, choose_device())


def _validator(
    layout: Layout,
    experiment: Experiment,
    *,
    processes: "Processes",
    tracker: Tracker,
    on_retrieval: "OnRetrieval | None",
) -> "RecallValidator | None":
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.evaluation.validator import RecallValidator, Validation, own_images

    training = experiment.training
    if training is None or not training.validation:
        return None
    validations = []
    for name in training.validation:
        sides = benchmark_paths(layout, name, experiment)
        paths = sides["database"] + sides["queries"]
        image, plain = experiment.image, training.plain
        reader = own = image_reader(paths, image, plain=plain)
        if processes.size > 1:
            part = paths[own_images(len(paths), processes)]
            own = image_reader(part, image, plain=plain, processors=processes.own_processors)
        with processes.together():
            keep_decoded(layout, name, own, image=image, plain=plain, processes=processes, tracker=tracker)
        validations.append(Validation(name, benchmark_of(layout, experiment, name), reader, own))
    return RecallValidator(
        validations, precision=_precision(experiment), processes=processes, on_retrieval=on_retrieval
    )
