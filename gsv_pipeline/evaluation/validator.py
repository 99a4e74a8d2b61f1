"""Recall of a model that is still in training, on images that are decoded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.embeddings.extract import describe
from gsv_pipeline.evaluation.recall import recall_at_k
from gsv_pipeline.images import ImageReader
from gsv_pipeline.index.flat import build_flat, search
from gsv_pipeline.tracking import NullTracker

VALIDATION_KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Validation:
    """One benchmark to validate on.

    Args:
        name: Its name; recalls are called `<name>/R@1`.
        data: Both sides and the positives.
        reader: Database images, then query images.
    """

    name: str
    data: BenchmarkData
    reader: ImageReader


class RecallValidator:
    """Computes recalls of a model, the first benchmark first.

    Args:
        validations: What to validate on.
        precision: As in training.
    """

    def __init__(self, validations: Sequence[Validation], *, precision: str) -> None:
        self._validations = validations
        self._precision = precision

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """`{"demo_val/R@1": 0.81, ...}` as fractions."""
        recalls: dict[str, float] = {}
        for item in self._validations:
            descriptors = describe(
                model, item.reader, tracker=NullTracker(), description=item.name, precision=self._precision
            )
            split = len(item.data.database)
            predictions, _ = search(build_flat(descriptors[:split]), descriptors[split:], max(VALIDATION_KS))
            found = recall_at_k(predictions, item.data.positives, VALIDATION_KS)
            recalls.update({f"{item.name}/R@{k}": value for k, value in found.items()})
        return recalls
