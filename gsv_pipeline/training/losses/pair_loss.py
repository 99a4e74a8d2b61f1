"""One way to call every loss: descriptors, labels, mined pairs; always in float32."""

import torch
from torch import Tensor, nn

from gsv_pipeline.training.miners import Pairs


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
