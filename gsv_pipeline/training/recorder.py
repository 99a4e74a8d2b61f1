"""Numbers of training steps on the device, fetched together: a look at every step would make the device wait."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gsv_pipeline.places.sampling import PlaceBatch


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken.

    Args:
        step: Counted from 1.
        epoch: Counted from 0.
        learning_rate: It was taken with.
        batch: The whole batch, of all processes.
    """

    step: int
    epoch: int
    learning_rate: float
    batch: PlaceBatch


class Recorder:
    """A ring of `capacity` steps on the device.

    Args:
        capacity: Steps until somebody has to read.
        names: Of the numbers of a step.
        device: Where they are computed.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        capacity: int,
        *,
        names: Sequence[str],
        device: torch.device,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ring = torch.zeros(capacity, len(names), device=device)
        self._names = tuple(names)
        self._taken: list[Taken] = []
        self._clock = clock
        self._since = clock()

    @property
    def is_full(self) -> bool:
        """Whether no further step fits."""
        return len(self._taken) == len(self._ring)

    def start_clock(self) -> None:
        """Count time from now on: what lies between two steps (a validation) is not training."""
        self._since = self._clock()

    def add(self, numbers: Tensor, taken: Taken) -> None:
        """Keep the numbers of a step; nothing waits for the device.

        Args:
            numbers: `[len(names)]` on the device.
            taken: Which step.
        """
        self._ring[len(self._taken)].copy_(numbers)
        self._taken.append(taken)

    def read(self) -> list[tuple[Taken, dict[str, float]]]:
        """Fetch what was kept since the last time, oldest first; this waits for the device.

        Returns:
            Each step with its numbers, its learning rate, and how many images a second these steps had, all processes
            together (`images_per_s`).
        """
        if not self._taken:
            return []
        numbers = self._ring[: len(self._taken)].tolist()
        seconds, images = self._clock() - self._since, sum(len(taken.batch.rows) for taken in self._taken)
        shared = {"images_per_s": images / seconds if seconds > 0 else 0.0, **self._memory()}
        rows = [
            (taken, {**dict(zip(self._names, row, strict=True)), "learning_rate": taken.learning_rate, **shared})
            for taken, row in zip(self._taken, numbers, strict=True)
        ]
        self._taken = []
        self.start_clock()
        return rows

    def _memory(self) -> dict[str, float]:
        """Peak since the process began; the driver is not asked, so nothing waits."""
        device = self._ring.device
        return {"gpu_memory_mb": torch.cuda.max_memory_allocated(device) / 1e6} if device.type == "cuda" else {}
