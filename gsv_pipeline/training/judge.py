"""Descriptors -> loss and its gradient, with the descriptors of every process in view."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric
from torch import Tensor

from gsv_pipeline.training.gather import gather_descriptors, own_share
from gsv_pipeline.training.losses.pair_loss import Objective


@dataclass(frozen=True, slots=True)
class Judged:
    """What the objective says about a batch; all on the device.

    Args:
        loss: Scalar, of the whole batch.
        batch_accuracy: Scalar, share of images without a hard positive pair.
        is_sound: Boolean scalar, whether loss and descriptors are finite.
        gradient: [b, D] of the loss by the own descriptors, times the number of processes, since DDP averages.
    """

    loss: Tensor
    batch_accuracy: Tensor
    is_sound: Tensor
    gradient: Tensor


class Judge:
    """The objective over the descriptors of all processes.

    Args:
        fabric: Knows the processes.
        objective: Takes descriptors and labels, returns the loss and the share of images without a hard positive.
        images_per_place: K.
    """

    def __init__(self, fabric: Fabric, objective: Objective, *, images_per_place: int) -> None:
        self._fabric = fabric
        self._objective = objective
        self._images_per_place = images_per_place

    def shares(self, num_images: int) -> list[slice]:
        """Which images of a batch each process describes, by rank."""
        places, size = num_images // self._images_per_place, self._fabric.world_size
        shares = [own_share(places, rank=rank, world_size=size) for rank in range(size)]
        return [slice(*(self._images_per_place * end for end in (share.start, share.stop))) for share in shares]

    def __call__(self, own: Tensor, labels: Tensor) -> Judged:
        """Judge a batch; every process computes the same loss, and the gradient of its own part.

        Args:
            own: Descriptors [b, D] of this process.
            labels: [B] of the whole batch, on the device.
        """
        shares = self.shares(len(labels))
        sizes = [share.stop - share.start for share in shares]
        everyone = gather_descriptors(self._fabric, own.detach().float(), sizes=sizes).requires_grad_()  # [B, D]
        with torch.enable_grad(), full_matmul_precision():
            loss, accuracy = self._objective(everyone, labels)
            (gradient,) = torch.autograd.grad(loss, everyone)
        # The library's miners overlook a NaN: nothing is mined, and the loss is a finite zero.
        is_sound = loss.detach().isfinite() & everyone.detach().isfinite().all()
        own_gradient = gradient[shares[self._fabric.global_rank]] * self._fabric.world_size
        return Judged(loss.detach(), accuracy.detach(), is_sound, own_gradient)


@contextmanager
def full_matmul_precision() -> Iterator[None]:
    """Products in true float32: an exponent of 50 times a similarity needs more than TF32's three digits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
