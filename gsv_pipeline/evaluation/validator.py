"""Recall of a model that is still in training, on images that are decoded once; by all processes that train."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from torch import nn

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.embeddings.extract import describe
from gsv_pipeline.evaluation.recall import recall_at_k
from gsv_pipeline.images import ImageReader
from gsv_pipeline.index.flat import build_flat, search
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.processes import Processes

VALIDATION_KS: Final = (1, 5, 10)
SHARED_IMAGES: Final = 64
"""Images are shared among processes in pieces of so many: whole batches of every size that is chosen."""


@dataclass(frozen=True, slots=True)
class Validation:
    """One benchmark to validate on.

    Args:
        name: Its name; recalls are called `<name>/R@1`.
        data: Both sides and the positives.
        reader: Database images, then query images.
        own_reader: Those of them that this process describes (`own_images`); None: all.
    """

    name: str
    data: BenchmarkData
    reader: ImageReader
    own_reader: ImageReader | None = None


OnRetrieval = Callable[[str, npt.NDArray[np.int64], Validation], None]
"""Called with a benchmark's name, its predictions [Q, K] and the benchmark."""


class RecallValidator:
    """Computes recalls of a model, the first benchmark first.

    Args:
        validations: What to validate on.
        precision: As in training.
        processes: Those that train together, each of which calls this; None: this one alone.
        on_retrieval: Called in the first process, after each benchmark of each validation.
    """

    def __init__(
        self,
        validations: Sequence[Validation],
        *,
        precision: str,
        processes: Processes | None = None,
        on_retrieval: OnRetrieval | None = None,
    ) -> None:
        self._validations = validations
        self._precision = precision
        self._processes = processes or Processes()
        self._on_retrieval = on_retrieval

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """`{"demo_val/R@1": 0.81, ...}` as fractions; in every process the same.

        Raises:
            DataError: A damaged image, in whichever process.
        """
        recalls: dict[str, float] = {}
        for item in self._validations:
            with self._processes.together():
                own = self._describe(model, item)
            descriptors = self._processes.gather_rows(own)
            with self._processes.together():
                found = self._score(item, descriptors) if self._processes.is_first else {}
            recalls.update({f"{item.name}/R@{k}": value for k, value in self._processes.from_first(found).items()})
        return recalls

    def _describe(self, model: nn.Module, item: Validation) -> npt.NDArray[np.float32]:
        reader = item.reader if item.own_reader is None else item.own_reader
        if not len(reader):
            return np.empty((0, 0), dtype=np.float32)  # there are more processes than pieces
        return describe(model, reader, tracker=NullTracker(), description=item.name, precision=self._precision)

    def _score(self, item: Validation, descriptors: npt.NDArray[np.float32]) -> Mapping[int, float]:
        split = len(item.data.database)
        predictions, _ = search(build_flat(descriptors[:split]), descriptors[split:], max(VALIDATION_KS))
        if self._on_retrieval is not None:
            self._on_retrieval(item.name, predictions, item)
        return recall_at_k(predictions, item.data.positives, VALIDATION_KS)


def own_images(count: int, processes: Processes) -> slice:
    """Which of `count` images a process describes.

    The first process has at least as many as each of the others; the last may have none.
    """
    pieces = -(-count // SHARED_IMAGES)
    each, more = divmod(pieces, processes.size)
    first = processes.rank * each + min(processes.rank, more)
    last = first + each + (processes.rank < more)
    return slice(min(first * SHARED_IMAGES, count), min(last * SHARED_IMAGES, count))
