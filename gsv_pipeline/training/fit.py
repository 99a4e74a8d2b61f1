"""From an experiment's training settings to a trained model: builds the parts and runs the loop."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn

from gsv_pipeline.config import ImageInput, Training
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.hardware import choose_device, choose_precision, spare_core
from gsv_pipeline.images import ImageReader
from gsv_pipeline.places.dataset import Places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.tracking import Tracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS
from gsv_pipeline.training.loop import LoopSettings, Trainer, Validate
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.losses.pair_loss import Objective
from gsv_pipeline.training.optimizers import FILLED_IN, OPTIMIZERS, SCHEDULES, build_optimizer
from gsv_pipeline.training.state import Progressed


def check_training(training: Training) -> None:
    """Compare every name and argument with its table, before any work.

    Raises:
        ConfigError: Unknown name, unexpected argument, or fp16 without a GPU.
    """
    _objective(training)
    OPTIMIZERS.check(training.optimizer.name, training.optimizer.arguments, provided=FILLED_IN)
    build_optimizer(
        training.optimizer.name,
        [nn.Parameter(torch.zeros(1))],
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        **training.optimizer.arguments,
    )
    SCHEDULES.build(training.schedule.name, **training.schedule.arguments)
    AUGMENTATIONS.build(training.augmentation.name, **training.augmentation.arguments)
    choose_precision(training.precision, choose_device())


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
) -> Progressed:
    """Train `model` on `places`; interrupted, the same call goes on from the last state in `state_folder`.

    Args:
        model: Changed in place.
        places: What to train on.
        training: The settings, checked.
        image: Input size.
        seed: Of batches and augmentation.
        validate: Recalls of a model, or None.
        state_folder: Keeps the state of an interrupted run.
        tracker: Told about everything.

    Returns:
        History, validations and the best weights.

    Raises:
        ConfigError: More places per batch than there are.
        TrainingError: The loss is not finite.
        DataError: A damaged image or a damaged state.
    """
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
            f"training.places_per_batch is {training.places_per_batch}, but there are {sampler.num_labels} places. "
            "Lower it, or admit more places."
        )
    device = choose_device()
    fabric = Fabric(accelerator=device, devices=1, precision=choose_precision(training.precision, device))
    optimizer = build_optimizer(
        training.optimizer.name,
        model.parameters(),
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        **training.optimizer.arguments,
    )
    trainer = Trainer(
        fabric,
        model,
        optimizer=optimizer,
        sampler=sampler,
        read_images=_reader(places, image, tracker).batch,
        settings=_settings(training, seed),
        validate=validate,
        state_folder=state_folder,
        tracker=tracker,
    )
    with spare_core(device):
        return trainer.run()


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
    )


def _reader(places: Places, image: ImageInput, tracker: Tracker) -> ImageReader:
    reader = ImageReader(places.paths, height=image.height, width=image.width, interpolation=image.interpolation)
    if reader.fits_in_memory:
        reader.decode_all(tracker, "Decoding training images")
    return reader
