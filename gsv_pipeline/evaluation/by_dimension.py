"""Recall at one size of descriptors: what reducing them costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reduced:
    """Recall at one size of descriptors.

    Args:
        dimensions: Numbers per descriptor.
        whitened: Whether each was divided by its deviation; None: descriptors as they are, nothing reduced.
        explained: Share of the training images' variance that is kept.
        recall_at: K -> fraction.
        interval_at: K -> 95 % interval.
    """

    dimensions: int
    whitened: bool | None
    explained: float
    recall_at: Mapping[int, float]
    interval_at: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def manner(self) -> str:
        """How they were reduced, in words."""
        return {None: "as they are", True: "whitened", False: "not whitened"}[self.whitened]

    @property
    def order(self) -> tuple[int, bool, bool]:
        """Sorts the largest first: as they are, whitened, not whitened."""
        return -self.dimensions, self.whitened is not None, not self.whitened
