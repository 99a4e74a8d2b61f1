"""From an experiment's training settings to a trained model: builds the parts and runs the loop."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy
from torch import nn
from torch.optim import Optimizer

from gsv_pipeline.config import ImageInput, Training
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.hardware import AUTO, choose_device, choose_precision, spare_core
from gsv_pipeline.images import ImageReader
from gsv_pipeline.places.dataset import Places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.tracking import Tracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.compile import compile_or_warn
from gsv_pipeline.training.loop import Trainer, Validate
from gsv_pipeline.training.loop_settings import LoopSettings
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.losses.pair_loss import Objective
from gsv_pipeline.training.optimizers import SCHEDULES, build_optimizer
from gsv_pipeline.training.processes import Processes
from gsv_pipeline.training.start import needs_start, start_aggregator
from gsv_pipeline.training.state import STATE_FILE, Progressed


def check_training(training: Training) -> None:
    """Compare every name and argument with its table, before any work.

    Raises:
        ConfigError: Unknown name, unexpected argument, or fp16 without a GPU.
    """
    _objective(training)
    build_optimizer(
        training.optimizer.name,
        [nn.Parameter(torch.zeros(1))],
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        **training.optimizer.arguments,
    )
    SCHEDULES.build(training.schedule.name, **training.schedule.arguments)
    AUGMENTATIONS.build(training.augmentation.name, **training.augmentation.arguments)
    precision_of(training, choose_device())


def precision_of(training: Training, device: str) -> str:
    """The precision to train in; the plain path computes in float32 unless another one is asked for.

    Raises:
        ConfigError: fp16 without a GPU.
    """
    if training.plain and training.precision == AUTO:
        return "32-true"
    return choose_precision(training.precision, device, setting="training.precision")


def fit(
    model: nn.Module,
    places: Places,
    *,
    training: Training,
    image: ImageInput,
    seed: int,
    validate: Validate | None,
    state_folder: Path,
    tracker: Tracker,
    processes: Processes | None = None,
) -> Progressed:
    """Train `model` on `places`; interrupted, the same call goes on from the last state in `state_folder`.

    Args:
        model: Changed in place.
        places: What to train on.
        training: The settings, checked.
        image: Input size.
        seed: Of batches, augmentation and what the model draws.
        validate: Recalls of a model, or None.
        state_folder: Keeps the state of an interrupted run.
        tracker: Told about everything.
        processes: Those that train together, each of which calls this; None: this one alone.

    Returns:
        History, validations and the best weights; the weights in the first process alone.

    Raises:
        ConfigError: More places per batch than there are.
        TrainingError: A loss or a gradient is not finite, or there is not enough memory.
        DataError: A damaged image or a damaged state.
        RunError: The disk is too full for the state.
        StoppedError: A signal asked to stop; the state is saved.
    """
    group = processes or Processes()
    sampler = _sampler(places, training, seed=seed)
    fabric = _fabric(training, group)
    reader = _reader(places, image, plain=training.plain, processes=group, tracker=tracker)
    _start(model, reader, fabric=fabric, seed=seed, state_folder=state_folder, processes=group, tracker=tracker)
    if group.size > 1 and fabric.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    if training.compile:
        model = compile_or_warn(model, tracker)
    trainer = Trainer(
        fabric,
        model,
        optimizer=_optimizer(model, training),
        sampler=sampler,
        reader=reader,
        settings=_settings(training, seed),
        validate=validate,
        state_folder=state_folder,
        tracker=tracker,
        processes=group,
    )
    with spare_core(fabric.device.type):
        return trainer.run()


def _sampler(places: Places, training: Training, *, seed: int) -> PlaceSampler:
    sampler = PlaceSampler(
        places,
        places_per_batch=training.places_per_batch,
        images_per_place=training.images_per_place,
        sampling=training.sampling,
        mirrored_places=training.mirrored_places,
        seed=seed,
    )
    if sampler.num_labels < training.places_per_batch:
        raise ConfigError(
            f"training.places_per_batch is {training.places_per_batch}, but there are {sampler.num_labels} places"
            f"{' (mirrored ones count too)' if training.mirrored_places else ''}. Lower it, or admit more places."
        )
    return sampler


def _fabric(training: Training, processes: Processes) -> Fabric:
    """One device, or one for each process on every machine."""
    device = choose_device()
    precision = precision_of(training, device)
    if processes.size == 1:
        return Fabric(accelerator=device, devices=1, precision=precision)
    fabric = Fabric(
        accelerator=device,
        devices=processes.local_size,
        num_nodes=processes.size // processes.local_size,
        # Statistics are averaged after each step, so no pass waits for the first process's.
        strategy=DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True),
        precision=precision,
    )
    fabric.launch()
    return fabric


def _start(
    model: nn.Module,
    reader: ImageReader,
    *,
    fabric: Fabric,
    seed: int,
    state_folder: Path,
    processes: Processes,
    tracker: Tracker,
) -> None:
    """What a fresh run does before its first step. Once in one process: the others get its weights with the model."""
    if not needs_start(model) or (state_folder / STATE_FILE).is_file():
        return
    with processes.together():
        if processes.is_first:
            start_aggregator(model, reader, device=fabric.device, seed=seed, tracker=tracker)


def _optimizer(model: nn.Module, training: Training) -> Optimizer:
    return build_optimizer(
        training.optimizer.name,
        model.parameters(),
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        **training.optimizer.arguments,
    )


def _objective(training: Training) -> Objective:
    return build_objective(
        training.loss.name,
        training.loss.arguments,
        miner=training.miner.name,
        miner_arguments=training.miner.arguments,
        plain=training.plain,
    )


def _settings(training: Training, seed: int) -> LoopSettings:
    return LoopSettings(
        objective=_objective(training),
        schedule=SCHEDULES.build(training.schedule.name, **training.schedule.arguments),
        augmentation=AUGMENTATIONS.build(training.augmentation.name, **training.augmentation.arguments),
        learning_rate=training.learning_rate,
        epochs=training.epochs,
        validate_every_epochs=training.validate_every_epochs,
        checkpoint_every_steps=training.checkpoint_every_steps,
        seed=seed,
        patience=training.patience,
        micro_batch=training.micro_batch,
        plain=training.plain,
    )


def _reader(places: Places, image: ImageInput, *, plain: bool, processes: Processes, tracker: Tracker) -> ImageReader:
    reader = ImageReader(
        places.paths,
        height=image.height,
        width=image.width,
        interpolation=image.interpolation,
        processors=processes.own_processors,
        plain=plain,
    )
    with processes.together():
        if reader.fits_in_memory:
            reader.decode_all(tracker, "Decoding training images")
    return reader
