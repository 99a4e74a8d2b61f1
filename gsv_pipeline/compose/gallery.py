"""A picture of what each validation retrieved, handed to the trackers at the step of its recalls."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import NullTracker, Tracker

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gsv_pipeline.evaluation.validator import Validation
    from gsv_pipeline.reports.validation_gallery import Retrieved


class ValidationGallery(NullTracker):
    """Keeps what a validation retrieved until its recalls are logged: only then the step is known.

    Args:
        folder: Where the pictures go.
        tracker: Told about each; a picture that cannot be drawn is said once, and training goes on.
    """

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        from gsv_pipeline.reports.validation_gallery import GalleryPainter

        self._folder, self._tracker = folder, tracker
        self._painter = GalleryPainter()
        self._kept: dict[str, Retrieved] = {}
        self._has_failed = False

    def keep(self, name: str, predictions: "npt.NDArray[np.int64]", validation: "Validation") -> None:
        """Take what was retrieved.

        Args:
            name: The benchmark.
            predictions: [Q, K] database indices, best first.
            validation: What it was validated on.
        """
        self._kept[name] = _retrieved(name, predictions, validation)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Draw what was kept, when these are its recalls."""
        for name in [name for name in self._kept if f"{name}/R@1" in metrics]:
            self._draw(self._kept.pop(name), recall=metrics[f"{name}/R@1"], step=step)

    def _draw(self, retrieved: "Retrieved", *, recall: float, step: int) -> None:
        target = self._folder / f"{retrieved.benchmark}-{step:07d}.jpg"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._painter.write(target, retrieved, step=step, recall=recall)
        except (DataError, OSError) as error:
            if not self._has_failed:
                self._tracker.message(f"No gallery of retrievals: {error}")
            self._has_failed = True
            return
        self._tracker.picture(f"{retrieved.benchmark}/retrievals", target, step)


def _retrieved(name: str, predictions: "npt.NDArray[np.int64]", validation: "Validation") -> "Retrieved":
    from gsv_pipeline.reports.validation_gallery import Retrieved

    data, paths = validation.data, validation.reader.paths
    split = len(data.database)
    return Retrieved(
        benchmark=name,
        predictions=predictions,
        positives=data.positives,
        queries=paths[split:],
        database=paths[:split],
        query_latlon=_latlon(data.queries),
        database_latlon=_latlon(data.database),
    )


def _latlon(table: Any) -> "npt.NDArray[np.float64]":
    latlon: npt.NDArray[np.float64] = table[["lat", "lon"]].to_numpy(dtype="float64")
    return latlon
