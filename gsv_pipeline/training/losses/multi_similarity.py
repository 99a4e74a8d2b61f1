"""Mining and multi-similarity loss in one function with its own backward; it never waits for the device."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gsv_pipeline.models.arguments import require_number

SHORTEST_NORM: Final = 1e-12
"""Shorter descriptors are divided by this, as `torch.nn.functional.normalize` does by default."""

_INFINITY: Final = float("inf")


@dataclass(frozen=True, slots=True)
class MultiSimilarity:
    """The numbers of the loss and of the miner, Wang et al. 2019 (arXiv 1904.06627).

    Args:
        alpha: Weight in the exponent of positive pairs.
        beta: Weight in the exponent of negative pairs.
        base: Similarity from which both are counted.
        epsilon: How much easier than the hardest opposite pair a mined pair may be.
    """

    alpha: float
    beta: float
    base: float
    epsilon: float


class FusedLoss(nn.Module):
    """Miner and loss in one call, `(descriptors, labels) -> (loss, batch accuracy)`; see `multi_similarity_loss`.

    Args:
        numbers: Of the loss and of the miner.
    """

    def __init__(self, numbers: MultiSimilarity) -> None:
        super().__init__()
        self.numbers = numbers

    def forward(self, descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mine a batch and compute its loss.

        Args:
            descriptors: `[B, D]`, any floating type.
            labels: `[B]` int64 on the same device, equal for images of one place.

        Returns:
            Loss and batch accuracy, scalars on the device.
        """
        return multi_similarity_loss(descriptors, labels, **asdict(self.numbers))


def fused_multi_similarity(
    alpha: float = 1.0, beta: float = 50.0, base: float = 0.0, epsilon: float = 0.1
) -> FusedLoss:
    """Loss `multi_similarity` and miner `multi_similarity` as one.

    Args:
        alpha: Weight in the exponent of positive pairs.
        beta: Weight in the exponent of negative pairs.
        base: Similarity from which both are counted.
        epsilon: Margin of the miner.

    Raises:
        ConfigError: A weight is not positive, or a value is no finite number.
    """
    require_number("loss 'multi_similarity'", above=0.0, alpha=alpha, beta=beta)
    require_number("loss 'multi_similarity'", base=base)
    require_number("miner 'multi_similarity'", epsilon=epsilon)
    return FusedLoss(MultiSimilarity(alpha=alpha, beta=beta, base=base, epsilon=epsilon))


def multi_similarity_loss(
    descriptors: Tensor, labels: Tensor, *, alpha: float, beta: float, base: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Mine the pairs of a batch and compute their multi-similarity loss, Wang et al. 2019 (arXiv 1904.06627).

    With s the cosine similarity, image a keeps a positive p where `s_ap - epsilon < max_n s_an`, and a negative n where
    `s_an + epsilon > min_p s_ap`; without a positive, or without a negative, it keeps no pair. The loss is the mean,
    over **all** images, of `log(1 + sum_p exp(alpha (base - s_ap))) / alpha + log(1 + sum_n exp(beta (s_an - base))) /
    beta`.

    Value and gradient are those of pytorch-metric-learning's `MultiSimilarityMiner` followed by `MultiSimilarityLoss`,
    also for descriptors of any length: like the library, this scales to length one, and the gradient goes through that.
    Its rule holds too that a batch with no more than one mined positive and one mined negative pair costs nothing.
    On purpose different: a descriptor that is not finite makes the loss NaN, where the library overlooks it.

    The arithmetic is in float32 (float64 for float64), under autocast too. The gradient is one `[B, B] @ [B, D]`
    product, and nothing else of the size of the descriptors is allocated. There is no second derivative.

    Several processes: gather all descriptors and labels, put the own descriptors (with their graph) in their place,
    call this, and multiply the loss by the number of processes where gradients are averaged over processes.

    Args:
        descriptors: `[B, D]`, any floating type.
        labels: `[B]` int64 on the same device, equal for images of one place.
        alpha: Weight in the exponent of positive pairs.
        beta: Weight in the exponent of negative pairs.
        base: Similarity from which both are counted.
        epsilon: Margin of the miner.

    Returns:
        The loss, and the share of images that are no anchor of a mined positive pair: scalars on the device.
    """
    numbers = MultiSimilarity(alpha=alpha, beta=beta, base=base, epsilon=epsilon)
    # Exponents of 50 times a similarity need float32: in bfloat16 they keep two digits.
    with torch.autocast(descriptors.device.type, enabled=False):
        loss, batch_accuracy = _MinedMultiSimilarity.apply(descriptors, labels, numbers)
    return loss, batch_accuracy


class _MinedMultiSimilarity(torch.autograd.Function):
    """The gradient is linear in the descriptors, so forward keeps its matrix [B, B] and backward multiplies once."""

    @staticmethod
    def forward(ctx: Any, descriptors: Tensor, labels: Tensor, numbers: MultiSimilarity) -> tuple[Tensor, Tensor]:
        wide = _wide(descriptors)
        norms = torch.linalg.vector_norm(wide, dim=1)  # [B]
        scales = norms.clamp(min=SHORTEST_NORM).reciprocal()
        similar = (wide @ wide.T).mul_(scales[:, None]).mul_(scales)  # [B, B]
        positive, negative = _mine(similar, labels, numbers.epsilon)
        num_positives = positive.sum(dim=1)  # [B]
        attracting, pull = _log_sum((numbers.base - similar).mul_(numbers.alpha), positive)
        repelling, push = _log_sum((similar - numbers.base).mul_(numbers.beta), negative)
        counts = (num_positives.sum() > 1) | (negative.sum() > 1)
        share = counts.to(similar.dtype) / len(labels)  # of an image in the mean
        loss = (attracting / numbers.alpha + repelling / numbers.beta).sum() * share
        slope = push.sub_(pull).mul_(share)  # [B, B], derivative by each similarity
        matrix = _gradient_matrix(slope, similar, scales=scales, has_direction=norms > SHORTEST_NORM)
        ctx.save_for_backward(descriptors, matrix)
        batch_accuracy = (num_positives == 0).to(torch.float32).mean()
        ctx.mark_non_differentiable(batch_accuracy)
        return loss, batch_accuracy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_loss: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        descriptors, matrix = ctx.saved_tensors
        with torch.autocast(descriptors.device.type, enabled=False):
            gradient = (matrix * by_loss) @ _wide(descriptors)  # [B, D]
        return gradient.to(descriptors.dtype), None, None


def _wide(descriptors: Tensor) -> Tensor:
    return descriptors.to(torch.promote_types(descriptors.dtype, torch.float32))


def _mine(similar: Tensor, labels: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Which positive and which negative pairs are kept: two boolean matrices [B, B], anchors in rows.

    Each says which pairs are dropped, so that a NaN drops none and shows in the loss.
    """
    same = labels[:, None] == labels  # [B, B], an image and itself included
    positive = same.clone().fill_diagonal_(False)
    hardest_negative = similar.masked_fill(same, -_INFINITY).amax(dim=1, keepdim=True)  # [B, 1]
    hardest_positive = similar.masked_fill(~positive, _INFINITY).amin(dim=1, keepdim=True)
    kept_positive = positive & ~(similar - epsilon >= hardest_negative)
    kept_negative = ~same & ~(similar + epsilon <= hardest_positive)
    return kept_positive, kept_negative


def _log_sum(exponents: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """`log(1 + sum of exp)` of each row's kept exponents [B], and its derivative by each of them [B, B].

    Args:
        exponents: `[B, B]`; overwritten.
        kept: `[B, B]` boolean.
    """
    # The one under the logarithm is an exponent of zero, and so are the dropped ones here: no row is without one.
    highest = exponents.masked_fill(~kept, 0.0).amax(dim=1, keepdim=True)  # [B, 1]
    # Dropped exponents may lie above the highest kept one: bounded, so that zero times their power is zero.
    powers = exponents.sub_(highest).clamp_(max=0.0).exp_().mul_(kept)
    sums = powers.sum(dim=1, keepdim=True) + highest.neg().exp()
    return (sums.log() + highest).squeeze(1), powers.div_(sums)


def _gradient_matrix(slope: Tensor, similar: Tensor, *, scales: Tensor, has_direction: Tensor) -> Tensor:
    """The matrix M [B, B] with gradient = M @ descriptors, the scaling to length one included.

    The scaling takes off the part of the gradient along the descriptor itself. That part is a sum over similarities,
    which are known, so it costs no product of the size of the descriptors.

    Args:
        slope: `[B, B]` derivative of the loss by each similarity; overwritten.
        similar: `[B, B]` cosines; overwritten.
        scales: `[B]` factor that brings each descriptor to length one.
        has_direction: `[B]` whether it does; what is shorter than the least norm is only multiplied.
    """
    both = slope + slope.T
    along = similar.mul_(both).sum(dim=1)  # [B]
    matrix = both.mul_(scales[:, None]).mul_(scales)
    matrix.diagonal().sub_(along * scales.square() * has_direction)
    return matrix
