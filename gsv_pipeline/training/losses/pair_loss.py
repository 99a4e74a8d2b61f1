"""One way to call every loss, in float32: descriptors, labels, mined pairs. And one to call it with its miner."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gsv_pipeline.training.miners import Miner, Pairs, batch_accuracy

Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""`(descriptors [B, D], labels [B]) -> (loss, batch accuracy)`, both scalars on the device of the descriptors."""


class PairLoss(nn.Module):
    """A loss over the pairs of a batch.

    Args:
        compute: Takes descriptors, labels and pairs, returns a scalar.
    """

    def __init__(self, compute: nn.Module) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, descriptors: Tensor, labels: Tensor, pairs: Pairs | None = None) -> Tensor:
        """Compute the loss of a batch.

        Args:
            descriptors: `[B, D]`, any floating type.
            labels: `[B]` int64, equal for images of one place.
            pairs: What the miner returned; None means every pair of the batch.

        Returns:
            A float32 scalar with a gradient, zero where no pair counts.
        """
        # Exponents of 50 to 80 times a similarity need float32: in bfloat16 they keep two digits.
        with torch.autocast(descriptors.device.type, enabled=False):
            loss: Tensor = self.compute(descriptors.float(), labels, pairs)
        return loss


class MinedLoss(nn.Module):
    """A miner and then a loss, each on its own.

    Args:
        loss: Takes descriptors, labels and what the miner returned.
        miner: Chooses the pairs of a batch.
    """

    def __init__(self, loss: PairLoss, miner: Miner) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mine a batch and compute its loss.

        Args:
            descriptors: `[B, D]`, any floating type.
            labels: `[B]` int64 on the same device, equal for images of one place.

        Returns:
            Loss and batch accuracy, scalars on the device; the accuracy is 0 without a miner.
        """
        pairs = self.miner(descriptors, labels)
        loss: Tensor = self.loss(descriptors, labels, pairs)
        if pairs is None:
            return loss, torch.zeros((), device=descriptors.device)
        return loss, batch_accuracy(pairs, len(labels))
