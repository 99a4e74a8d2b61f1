"""The training loop: places -> weights. Device and precision are Fabric's, a step is `step.py`'s; no run is lost."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NoReturn, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from gsv_pipeline.errors import RunError
from gsv_pipeline.places.sampling import PlaceBatch, PlaceSampler
from gsv_pipeline.tracking import Progress, Tracker
from gsv_pipeline.training.gather import own_share
from gsv_pipeline.training.loop_settings import LoopSettings
from gsv_pipeline.training.not_finite import not_finite
from gsv_pipeline.training.processes import Processes
from gsv_pipeline.training.recorder import Recorder, Taken
from gsv_pipeline.training.start import ImageBatches
from gsv_pipeline.training.state import Progressed, load_best, load_state, save_best, save_state
from gsv_pipeline.training.step import METRICS, TrainingStep
from gsv_pipeline.training.stopping import Stopping

READ_EVERY_STEPS: Final = {"cpu": 1, "cuda": 20}
"""Steps between two looks at their numbers. A GPU would wait for each look; a CPU has them at hand."""

Validate = Callable[[nn.Module], Mapping[str, float]]
"""Recalls by name, `demo_val/R@1` first: that one chooses the best weights, the second breaks ties."""


class TrainingImages(ImageBatches, Protocol):
    """An image reader whose files have names."""

    @property
    def paths(self) -> Sequence[Path]:
        """Files by row."""


class Trainer:
    """Trains `model` on the batches of `sampler`; interrupted at any step, the same call goes on.

    Args:
        fabric: Launched already.
        model: On any device; trained in place.
        optimizer: Over its parameters.
        sampler: Batches by epoch.
        reader: Rows of the places -> uint8 images.
        settings: How to train.
        validate: Recalls of a model; None keeps the last weights.
        state_folder: Where the state of an interrupted run lies.
        tracker: Told about every step.
        processes: Those that train together; None: this one alone.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        *,
        optimizer: Optimizer,
        sampler: PlaceSampler,
        reader: TrainingImages,
        settings: LoopSettings,
        validate: Validate | None,
        state_folder: Path,
        tracker: Tracker,
        processes: Processes | None = None,
    ) -> None:
        self.fabric = fabric
        self.bare_model, self.bare_optimizer = model, optimizer
        memory = torch.contiguous_format if settings.plain else torch.channels_last
        self.model, self.optimizer = fabric.setup(model.to(memory_format=memory), optimizer)
        self.sampler = sampler
        self.reader = reader
        self.settings = settings
        self.validate = validate
        self.state_folder = state_folder
        self.tracker = tracker
        self.processes = processes or Processes()
        self.stopping = Stopping()
        self.total_steps = settings.epochs * sampler.batches_per_epoch
        capacity = settings.read_every_steps or READ_EVERY_STEPS[fabric.device.type]
        self.recorder = Recorder(capacity, names=METRICS, device=fabric.device)

    def run(self) -> Progressed:
        """Train to the end.

        Returns:
            History, validations and the best weights (the last ones where nothing is validated). Only the first
            process has the weights.

        Raises:
            TrainingError: A loss or a gradient is not finite; the state before that step stays on disk.
            DataError: A damaged image or a damaged state.
            RunError: The disk is too full for the state, and the one before stays on disk; or processes find different
                states.
            StoppedError: A signal asked to stop; the state is saved.
        """
        done = self._resume()
        with self.tracker.progress("Training", total=self.total_steps, unit="step") as bar:
            bar.advance(done.step)
            step = self._build_step(done)
            self._validate_if_due(done)
            while done.step < self.total_steps and not self._is_out_of_patience(done):
                self._epoch(done, step, bar)
                self._validate_if_due(done)
        if self.processes.is_first:
            done.best_step = done.step if done.best_step is None else done.best_step
            done.best_weights = self._best_weights(done)
        return done

    def _resume(self) -> Progressed:
        with self.processes.together():
            done = load_state(self.fabric, self.state_folder, model=self.bare_model, optimizer=self.bare_optimizer)
        first = self.processes.from_first(done.step)
        with self.processes.together():
            if done.step != first:
                raise RunError(
                    f"Process {self.processes.rank} finds the state after step {done.step} in {self.state_folder}, and "
                    f"the first process that after step {first}. All of them read one data root: put it on a disk that "
                    "every machine shares, then run the same command again."
                )
        if done.step:
            self.tracker.message(f"Resuming after step {done.step} of {self.total_steps}")
        else:
            done.micro_batch = self.settings.micro_batch
        return done

    def _build_step(self, done: Progressed) -> TrainingStep:
        return TrainingStep(
            self.fabric,
            self.model,
            optimizer=self.optimizer,
            objective=self.settings.objective,
            augmentation=self.settings.augmentation,
            seed=self.settings.seed,
            num_rows=len(self.reader),
            images_per_place=self.sampler.images_per_place,
            micro_batch=done.micro_batch,
            plain=self.settings.plain,
            tracker=self.tracker,
        )

    def _epoch(self, done: Progressed, step: TrainingStep, bar: Progress) -> None:
        """The rest of an epoch. Its state is saved at its end, so what follows may be broken off."""
        epoch, skip = divmod(done.step, self.sampler.batches_per_epoch)
        batches = self.sampler.epoch(epoch)[skip:]
        self.model.train()
        with self.stopping.held_back(), closing(self._images(batches)) as images:
            self.recorder.start_clock()
            for batch in batches:
                with self.processes.together():
                    pictures = next(images)
                self._take(done, step, batch, pictures, epoch=epoch)
                asked = self.processes.agree(self.stopping.asked)
                is_last = done.step % self.sampler.batches_per_epoch == 0
                saves = asked or is_last or done.step % self.settings.checkpoint_every_steps == 0
                if saves or self.recorder.is_full:
                    self._read(done, bar)
                if saves:
                    with self.processes.together():
                        self._save(done)
                    self.recorder.start_clock()
                if asked:
                    break
        if asked:
            self._stop(done, asked)

    def _images(self, batches: Sequence[PlaceBatch]) -> Generator[npt.NDArray[np.uint8], None, None]:
        """This process's images of each batch, read ahead."""
        yield from self.reader.batches([self._own_rows(batch) for batch in batches])

    def _own_rows(self, batch: PlaceBatch) -> npt.NDArray[np.int64]:
        per_place = self.sampler.images_per_place
        share = own_share(len(batch.rows) // per_place, rank=self.processes.rank, world_size=self.processes.size)
        return batch.rows[share.start * per_place : share.stop * per_place]

    def _take(
        self, done: Progressed, step: TrainingStep, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, epoch: int
    ) -> None:
        rate = self.settings.learning_rate * self.settings.schedule(
            done.step, steps_per_epoch=self.sampler.batches_per_epoch, total_steps=self.total_steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        numbers = step(batch, images, epoch=epoch, step=done.step)
        done.step, done.micro_batch = done.step + 1, step.micro_batch
        self.recorder.add(numbers, Taken(done.step, epoch, rate, batch))

    def _read(self, done: Progressed, bar: Progress) -> None:
        """Log the steps since the last look.

        Raises:
            TrainingError: One of them was not finite. Nothing is saved after it, since whoever saves looks first.
        """
        with self.processes.together():
            for taken, numbers in self.recorder.read():
                if not numbers.pop("finite"):
                    folder = self.state_folder if self.processes.is_first else None
                    paths = self.reader.paths
                    raise not_finite(taken, numbers, total_steps=self.total_steps, paths=paths, folder=folder)
                done.history.append({"step": taken.step, **numbers})
                self.tracker.log({f"train/{name}": value for name, value in numbers.items()}, taken.step)
                bar.advance(1, loss=numbers["loss"])

    def _save(self, done: Progressed) -> None:
        if self.processes.is_first:
            model, optimizer = self.bare_model, self.bare_optimizer
            save_state(self.fabric, self.state_folder, model=model, optimizer=optimizer, progressed=done)

    def _validate_if_due(self, done: Progressed) -> None:
        """Validate after the epochs that ask for it, once: a run that was broken off meanwhile does it now."""
        epoch, into = divmod(done.step, self.sampler.batches_per_epoch)
        is_due = epoch > 0 and (epoch % self.settings.validate_every_epochs == 0 or epoch == self.settings.epochs)
        was_done = bool(done.validations) and done.validations[-1]["step"] == done.step
        if self.validate is None or into or not is_due or was_done:
            return
        # Each process has statistics of its own images; those of the first are kept, so all look with those.
        self.processes.same_tensors(self.bare_model.buffers())
        recalls = dict(self.validate(self.bare_model))
        done.validations.append({"step": done.step, **recalls})
        self.tracker.log(recalls, done.step)
        with self.stopping.held_back(), self.processes.together():
            self._keep_if_best(done, list(recalls.values())[:2])
        asked = self.processes.agree(self.stopping.asked)
        if asked:
            self._stop(done, asked)

    def _keep_if_best(self, done: Progressed, score: list[float]) -> None:
        # A later tie wins: it was reached with a lower learning rate.
        is_best = done.best_score is None or score >= done.best_score
        if is_best:
            done.best_score, done.best_step = score, done.step
            if self.processes.is_first:
                save_best(self.state_folder, model=self.bare_model, step=done.step)
        self._save(done)

    def _is_out_of_patience(self, done: Progressed) -> bool:
        waited = done.validations_without_better
        if self.settings.patience is None or waited < self.settings.patience:
            return False
        self.tracker.message(
            f"Stopping early after step {done.step} of {self.total_steps}: the last {waited} validation(s) were no "
            f"better than the best before (training.patience={self.settings.patience})"
        )
        return True

    def _stop(self, done: Progressed, number: int) -> NoReturn:
        self.tracker.message(
            f"Asked to stop: the state after step {done.step} of {self.total_steps} is saved. "
            "Run the same command again to go on."
        )
        self.stopping.obey(number)

    def _best_weights(self, done: Progressed) -> dict[str, Tensor]:
        if done.best_score is not None and done.best_step is not None:
            return load_best(self.state_folder, done.best_step)
        return {name: value.detach().cpu().clone() for name, value in self.bare_model.state_dict().items()}
