"""Several processes, one batch: who describes which places, and everyone's descriptors for the loss."""

from collections.abc import Sequence

import torch
import torch.distributed
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import Tensor


def own_share(num_places: int, *, rank: int, world_size: int) -> slice:
    """Which places of a batch a process describes.

    Args:
        num_places: Of the whole batch.
        rank: Of the process.
        world_size: Number of processes.

    Returns:
        A slice of the places. Shares follow each other by rank, differ by one place at most, and the first are the
        larger ones; with fewer places than processes the last are empty.
    """
    each, more = divmod(num_places, world_size)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))


def gather_descriptors(fabric: Fabric, own: Tensor, *, sizes: Sequence[int]) -> Tensor:
    """The descriptors of all processes, by rank and without a gradient.

    Args:
        fabric: Knows the processes; all of them must call this.
        own: [sizes[rank], D].
        sizes: Descriptors of each process.

    Returns:
        [sum of sizes, D].
    """
    if fabric.world_size == 1:
        return own
    longest = max(sizes)
    padded = F.pad(own, (0, 0, 0, longest - len(own)))  # all processes must send equally much
    gathered = [torch.empty_like(padded) for _ in sizes]
    torch.distributed.all_gather(gathered, padded)
    return torch.cat([rows[:size] for rows, size in zip(gathered, sizes, strict=True)])
