"""Gradients of a large batch from pieces that fit into memory: Gao et al. 2021 (arXiv 2101.06983)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from gsv_pipeline.training.judge import Judged
from gsv_pipeline.training.pixels import Pieces, step_seed
from gsv_pipeline.training.statistics import Statistics


def cut(count: int, *, micro_batch: int | None) -> list[slice]:
    """Cut `count` images into as few pieces of at most `micro_batch` as there can be, of sizes that differ by one."""
    pieces = 1 if micro_batch is None else -(-count // micro_batch)
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
                # It would send batch-norm statistics before each pass; processes differ in their number of pieces.
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
            pieces: Slices that cover the batch in order.
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
                judged = judge(torch.cat([first.detach(), *rest]))
                gradients = [judged.gradient[piece] for piece in pieces]
                self._fabric.backward(first, gradient=gradients[0])
                del first, rest
            for number in range(1, len(pieces)):
                with self._held_back(number + 1 < len(pieces)):
                    descriptors = self._describe(pixels, pieces, number=number, step=step)
                    self._fabric.backward(descriptors, gradient=gradients[number])
        return judged

    def _without_graph(self, pixels: Pieces, pieces: Sequence[slice], *, step: int) -> list[Tensor]:
        with torch.no_grad():
            return [self._describe(pixels, pieces, number=number, step=step) for number in range(1, len(pieces))]

    def _describe(self, pixels: Pieces, pieces: Sequence[slice], *, number: int, step: int) -> Tensor:
        seed_generators(step_seed(self._seed, step, 1 + self._fabric.global_rank, number), self._fabric.device)
        descriptors: Tensor = self._model(pixels(pieces[number]))
        return descriptors

    def _held_back(self, is_held: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients once, with the last piece."""
        return self._fabric.no_backward_sync(self._model, enabled=is_held)  # type: ignore[no-any-return]


@contextmanager
def forked_generators(device: torch.device) -> Iterator[None]:
    """Leave torch's own generators of the CPU and of `device` afterwards as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's own generators of the CPU and of `device`, which dropout draws from."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
