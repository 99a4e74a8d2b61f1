"""A loss or a gradient that is not finite: which step, which places and which images it came from."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import TrainingError, few
from gsv_pipeline.manifest import write_json
from gsv_pipeline.training.recorder import Taken

CULPRITS_FILE: Final = "not_finite.json"
"""Beside the training state: all places and images of the batch."""


def not_finite(
    taken: Taken, numbers: Mapping[str, float], *, total_steps: int, paths: Sequence[Path], folder: Path | None
) -> TrainingError:
    """The error to raise for a step; the whole list goes into `folder`.

    Args:
        taken: The step.
        numbers: Its loss and gradient norm.
        total_steps: Of the run.
        paths: Image files by row.
        folder: Of the training state; None where another process writes.
    """
    labels = sorted(set(taken.batch.labels.tolist()))
    images = list(dict.fromkeys(paths[row] for row in taken.batch.rows.tolist()))
    listed = ""
    if folder is not None:
        record = {"step": taken.step, "epoch": taken.epoch, "labels": labels, "images": list(map(str, images))}
        said = {name: str(value) for name, value in numbers.items()}  # JSON knows no NaN
        write_json(folder / CULPRITS_FILE, {**record, "numbers": said})
        listed = f" All are listed in {folder / CULPRITS_FILE}."
    return TrainingError(
        f"{_what(numbers)} at step {taken.step} of {total_steps}, in a batch of {len(labels)} places (labels "
        f"{few(labels)}) and {len(images)} images ({few([image.name for image in images])}).{listed} Look at the "
        "images; lower training.learning_rate, or set training.precision=32-true. A state that was saved before this "
        "step is kept, and the same command goes on from it.",
        {"step": taken.step, "epoch": taken.epoch, "places": len(labels), "images": len(images)},
    )


def _what(numbers: Mapping[str, float]) -> str:
    for name in ("loss", "gradient_norm"):
        if not math.isfinite(numbers[name]):
            return f"The {name.replace('_', ' ')} is {numbers[name]}"
    return "Descriptors are not finite"
