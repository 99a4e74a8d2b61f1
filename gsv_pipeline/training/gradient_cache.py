"""Gradients of a large batch from pieces that fit into memory: Gao et al. 2021 (arXiv 2101.06983)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from gsv_pipeline.training.augmentation import Pieces
from gsv_pipeline.training.judge import Judged
from gsv_pipeline.training.statistics import Statistics

_STAND_INS: Final = slice(0, 2)
"""Images described for an empty piece; a single one has no variance for batch norm."""


def num_pieces(counts: Sequence[int], *, micro_batch: int | None) -> int:
    """The fewest pieces of at most `micro_batch` images that each of several processes can cut its `counts` into."""
    return 1 if micro_batch is None else max(1, -(-max(counts) // micro_batch))


def cut(count: int, *, pieces: int) -> list[slice]:
    """Cut `count` images into `pieces` of sizes that differ by one at most; some are empty where images are fewer."""
    ends = [count * piece // pieces for piece in range(pieces + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


class GradientCache:
    """Describes a batch piece by piece and backpropagates the gradient of its descriptors.

    All pieces but the first are described without a graph, so that the objective sees the whole batch; then each of
    them is described again, and its part of the gradient goes through it. One piece is an ordinary step.

    Args:
        fabric: Device, precision and processes.
        model: `[b, 3, H, W] -> [b, D]`, set up by `fabric`.
        seed: Of the run, for layers that draw (dropout): each piece of a step has its seed, so that it is described
            twice alike, and a resumed run draws what an uninterrupted one would.
    """

    def __init__(self, fabric: Fabric, model: torch.nn.Module, *, seed: int) -> None:
        self._fabric = fabric
        self._model = model
        self._seed = seed
        for module in model.modules():
            if isinstance(module, DistributedDataParallel):
                # It would send batch-norm statistics before each pass, over what this process has seen.
                module.broadcast_buffers = False

    def __call__(
        self,
        pixels: Pieces,
        pieces: Sequence[slice],
        *,
        judge: Callable[[Tensor], Judged],
        step: int,
        statistics: Statistics,
    ) -> Judged:
        """Add the gradients of a batch to those of the parameters.

        Args:
            pixels: The network's input by slices.
            pieces: Slices that cover the batch in order, equally many in each process. Of an empty one's images the
                first two are described, and nothing is learnt from them.
            judge: Descriptors of the batch -> loss and gradient.
            step: From 0 over all epochs.
            statistics: As they were kept at the start of the step.
        """
        with forked_generators(self._fabric.device):
            with self._held_back(len(pieces) > 1):
                rest = self._without_graph(pixels, pieces, step=step)
                if rest:
                    statistics.restore()  # these pieces come again, and are to count once
                first = self._describe(pixels, pieces, number=0, step=step)
                judged = judge(torch.cat([first.detach()[: _length(pieces[0])], *rest]))
                gradients = [judged.gradient[piece] for piece in pieces]
                self._backward(first, gradients[0])
                del first, rest
            for number in range(1, len(pieces)):
                with self._held_back(number + 1 < len(pieces)):
                    self._backward(self._describe(pixels, pieces, number=number, step=step), gradients[number])
        return judged

    def _without_graph(self, pixels: Pieces, pieces: Sequence[slice], *, step: int) -> list[Tensor]:
        with torch.no_grad():
            return [
                self._describe(pixels, pieces, number=number, step=step)[: _length(pieces[number])]
                for number in range(1, len(pieces))
            ]

    def _describe(self, pixels: Pieces, pieces: Sequence[slice], *, number: int, step: int) -> Tensor:
        seed_generators(step_seed(self._seed, step, 1 + self._fabric.global_rank, number), self._fabric.device)
        # An empty piece is a pass all the same: another process may wait for this one's batch statistics.
        descriptors: Tensor = self._model(pixels(pieces[number] if _length(pieces[number]) else _STAND_INS))
        return descriptors

    def _backward(self, descriptors: Tensor, gradient: Tensor) -> None:
        """The gradient of a piece, and none of what only stands in for one."""
        self._fabric.backward(descriptors, gradient=F.pad(gradient, (0, 0, 0, len(descriptors) - len(gradient))))

    def _held_back(self, is_held: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients once, with the last piece."""
        return self._fabric.no_backward_sync(self._model, enabled=is_held)  # type: ignore[no-any-return]


def _length(part: slice) -> int:
    return int(part.stop - part.start)


@contextmanager
def forked_generators(device: torch.device) -> Iterator[None]:
    """Leave torch's own generators of the CPU and of `device` afterwards as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def step_seed(seed: int, step: int, *more: int) -> int:
    """A seed for one step (`more`: for one part of it), so that a resumed run draws what an uninterrupted one would."""
    return int(np.random.SeedSequence([seed, step, *more]).generate_state(1)[0])


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's own generators of the CPU and of `device`, which dropout draws from."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
