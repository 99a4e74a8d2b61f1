"""Batch-norm's running statistics, kept aside: a pass that does not count, or a step that failed, leaves no trace."""

from collections import defaultdict

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Statistics:
    """The running statistics of a model; a handful of kernels each time, however many layers.

    Args:
        model: Its batch-norm layers are looked at.
    """

    def __init__(self, model: nn.Module) -> None:
        by_type: dict[torch.dtype, list[Tensor]] = defaultdict(list)
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                for buffer in layer.buffers(recurse=False):
                    by_type[buffer.dtype].append(buffer)
        self._buffers = list(by_type.values())
        self.keep()

    def keep(self) -> None:
        """Remember them as they are now."""
        self._kept = [_flat(buffers) for buffers in self._buffers]

    def restore(self) -> None:
        """Put back what was kept."""
        for buffers, kept in zip(self._buffers, self._kept, strict=True):
            _fill(buffers, kept)

    def restore_unless(self, is_finite: Tensor) -> None:
        """Put back what was kept where `is_finite`, a boolean scalar on the device, is false."""
        for buffers, kept in zip(self._buffers, self._kept, strict=True):
            _fill(buffers, torch.where(is_finite, _flat(buffers), kept))

    def average(self, world_size: int) -> None:
        """Give all processes the mean of theirs, so that each validates the model that the first one saves.

        Args:
            world_size: Number of processes, all of which must call this.
        """
        for buffers in self._buffers:
            if world_size > 1 and buffers[0].is_floating_point():  # counters count pieces, which differ in number
                flat = _flat(buffers)
                torch.distributed.all_reduce(flat)
                _fill(buffers, flat / world_size)


def _flat(buffers: list[Tensor]) -> Tensor:
    return torch.cat([buffer.detach().flatten() for buffer in buffers])


def _fill(buffers: list[Tensor], flat: Tensor) -> None:
    parts = torch.split(flat, [buffer.numel() for buffer in buffers])
    with torch.no_grad():
        torch._foreach_copy_(buffers, [part.view_as(buffer) for part, buffer in zip(parts, buffers, strict=True)])
