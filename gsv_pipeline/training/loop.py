"""The training loop: places -> weights. Device, precision and checkpoint files are Fabric's; the steps are ours."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from gsv_pipeline.errors import TrainingError
from gsv_pipeline.images import prefetch
from gsv_pipeline.models.normalise import normalise, to_channels_first
from gsv_pipeline.places.sampling import PlaceBatch, PlaceSampler
from gsv_pipeline.tracking import Progress, Tracker
from gsv_pipeline.training.augmentation import Augmentation
from gsv_pipeline.training.losses.pair_loss import Objective
from gsv_pipeline.training.optimizers import Schedule
from gsv_pipeline.training.state import Progressed, load_state, save_state

ReadImages = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]
Validate = Callable[[nn.Module], Mapping[str, float]]
"""Recalls by name, `demo_val/R@1` first: that one chooses the best weights, the second breaks ties."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to train, without what to train on.

    Args:
        objective: Takes descriptors and labels, returns the loss and the share of images without a hard positive.
        schedule: Factor on the learning rate by step.
        augmentation: Of uint8 batches.
        learning_rate: Base rate.
        epochs: Passes over all places.
        validate_every_epochs: The last epoch is always validated.
        checkpoint_every_steps: How much a killed run may lose.
        seed: Of the augmentation.
    """

    objective: Objective
    schedule: Schedule
    augmentation: Augmentation
    learning_rate: float
    epochs: int
    validate_every_epochs: int
    checkpoint_every_steps: int
    seed: int


class Trainer:
    """Trains `model` on the batches of `sampler`; interrupted at any step, the same call goes on.

    Args:
        fabric: Launched already.
        model: On any device; trained in place.
        optimizer: Over its parameters.
        sampler: Batches by epoch.
        read_images: Rows of the places -> uint8 images.
        settings: How to train.
        validate: Recalls of a model; None keeps the last weights.
        state_folder: Where the state of an interrupted run lies.
        tracker: Told about every step.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        *,
        optimizer: Optimizer,
        sampler: PlaceSampler,
        read_images: ReadImages,
        settings: LoopSettings,
        validate: Validate | None,
        state_folder: Path,
        tracker: Tracker,
    ) -> None:
        self.fabric = fabric
        self.model, self.optimizer = fabric.setup(model.to(memory_format=torch.channels_last), optimizer)
        self.sampler = sampler
        self.read_images = read_images
        self.settings = settings
        self.validate = validate
        self.state_folder = state_folder
        self.tracker = tracker
        self.total_steps = settings.epochs * sampler.batches_per_epoch

    def run(self) -> Progressed:
        """Train to the end.

        Returns:
            History, validations and the best weights (the last ones where nothing is validated).

        Raises:
            TrainingError: The loss is not finite; the state before that step stays on disk.
            DataError: A damaged image or a damaged state.
        """
        done = load_state(self.fabric, self.state_folder, model=self.model, optimizer=self.optimizer)
        if done.step:
            self.tracker.message(f"Resuming after step {done.step} of {self.total_steps}")
        with self.tracker.progress("Training", total=self.total_steps, unit="step") as bar:
            bar.advance(done.step)
            for epoch in range(done.step // self.sampler.batches_per_epoch, self.settings.epochs):
                self._epoch(epoch, done, bar)
        if done.best_weights is None:
            done.best_weights, done.best_step = self._weights(), done.step
        return done

    def _epoch(self, epoch: int, done: Progressed, bar: Progress) -> None:
        self.model.train()
        for batch, images in self._batches(epoch, skip=done.step - epoch * self.sampler.batches_per_epoch):
            metrics = self._step(done.step, batch, images)
            done.step += 1
            done.history.append({"step": done.step, **metrics})
            self.tracker.log({f"train/{name}": value for name, value in metrics.items()}, done.step)
            bar.advance(1, loss=metrics["loss"])
            is_last = done.step == (epoch + 1) * self.sampler.batches_per_epoch
            if is_last and self._validates_after(epoch):
                self._validate(done)
            if is_last or done.step % self.settings.checkpoint_every_steps == 0:
                save_state(self.fabric, self.state_folder, model=self.model, optimizer=self.optimizer, progressed=done)

    def _batches(self, epoch: int, *, skip: int) -> Iterator[tuple[PlaceBatch, npt.NDArray[np.uint8]]]:
        batches = self.sampler.epoch(epoch)[skip:]
        images = prefetch([lambda rows=batch.rows: self.read_images(rows) for batch in batches])  # type: ignore[misc]
        return zip(batches, images, strict=True)

    def _step(self, step: int, batch: PlaceBatch, images: npt.NDArray[np.uint8]) -> dict[str, float]:
        rate = self.settings.learning_rate * self.settings.schedule(
            step, steps_per_epoch=self.sampler.batches_per_epoch, total_steps=self.total_steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pixels = self._pixels(batch, images, seed=_step_seed(self.settings.seed, step))
        labels = torch.from_numpy(batch.labels).to(pixels.device)
        descriptors = self.model(pixels)  # [P*K, D]
        loss, accuracy = self.settings.objective(descriptors, labels)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss is {value} at step {step + 1} of {self.total_steps} (places with labels "
                f"{sorted(set(batch.labels.tolist()))[:8]} …). Lower training.learning_rate, or set "
                "training.precision=32-true. The state before this step is kept."
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.optimizer.step()
        return {"loss": value, "batch_accuracy": float(accuracy), "learning_rate": rate}

    def _pixels(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, seed: int) -> Tensor:
        pixels = to_channels_first(torch.from_numpy(images).to(self.fabric.device))
        mirrored = torch.from_numpy(batch.mirrored).to(self.fabric.device)
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
        return normalise(self.settings.augmentation(pixels, seed))

    def _validates_after(self, epoch: int) -> bool:
        return (epoch + 1) % self.settings.validate_every_epochs == 0 or epoch + 1 == self.settings.epochs

    def _validate(self, done: Progressed) -> None:
        if self.validate is None:
            return
        recalls = dict(self.validate(self.model.module))
        done.validations.append({"step": done.step, **recalls})
        self.tracker.log(recalls, done.step)
        score = list(recalls.values())[:2]
        # A later tie wins: it was reached with a lower learning rate.
        if done.best_score is None or score >= done.best_score:
            done.best_score, done.best_step, done.best_weights = score, done.step, self._weights()

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}


def _step_seed(seed: int, step: int) -> int:
    """A seed for one step's augmentation, so that a resumed run draws what an uninterrupted one would."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
