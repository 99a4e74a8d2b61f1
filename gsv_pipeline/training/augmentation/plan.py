"""What RandAugment does to each image: operations and magnitudes from seeds. No pixels here, and no device."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from gsv_pipeline.training.augmentation.seeds import Seeds, random_words

NUM_BINS: Final = 31  # torchvision's steps of strength
_MAX_SHEAR: Final = 0.3  # tangent
_MAX_SHARE_MOVED: Final = 150.0 / 331.0  # of the side; AutoAugment moved 331 px images by up to 150
_MAX_DEGREES: Final = 30.0
_MAX_GAIN: Final = 0.9
_MAX_BITS_LOST: Final = 4


class Operation(IntEnum):
    """RandAugment's 14 operations in torchvision's order."""

    IDENTITY = 0
    SHEAR_X = 1
    SHEAR_Y = 2
    TRANSLATE_X = 3
    TRANSLATE_Y = 4
    ROTATE = 5
    BRIGHTNESS = 6
    COLOR = 7
    CONTRAST = 8
    SHARPNESS = 9
    POSTERIZE = 10
    SOLARIZE = 11
    AUTO_CONTRAST = 12
    EQUALIZE = 13


AFFINE: Final = (
    Operation.SHEAR_X,
    Operation.SHEAR_Y,
    Operation.TRANSLATE_X,
    Operation.TRANSLATE_Y,
    Operation.ROTATE,
)
_SIGNED: Final = (*AFFINE, Operation.BRIGHTNESS, Operation.COLOR, Operation.CONTRAST, Operation.SHARPNESS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to each image of a batch.

    Args:
        operations: [B, S] values of `Operation`, first to last.
        magnitudes: [B, S] as `magnitude_of`, with the drawn sign.
    """

    operations: npt.NDArray[np.int64]
    magnitudes: npt.NDArray[np.float64]


def draw_plan(seeds: Seeds, *, num_ops: int, magnitude: int, height: int, width: int) -> Plan:
    """Draw operations and signs, all equally likely; the same seed gives the same row.

    Args:
        seeds: [B].
        num_ops: S.
        magnitude: Bin of strength, 0 to 30.
        height: Of the images, in pixels.
        width: Of the images, in pixels.
    """
    words = random_words(seeds, num_ops)  # [B, S]
    # The upper half times 14, shifted down, is a uniform whole number below 14; the lowest bit is the sign.
    operations = (((words >> np.uint64(32)) * np.uint64(len(Operation))) >> np.uint64(32)).astype(np.int64)
    by_sign = np.array([_strengths(magnitude, height, width, sign=sign) for sign in (1.0, -1.0)])
    return Plan(operations, by_sign[(words & np.uint64(1)).astype(np.int64), operations])


@lru_cache(maxsize=8)  # a loader that augments image by image asks again and again
def _strengths(magnitude: int, height: int, width: int, *, sign: float) -> tuple[float, ...]:
    return tuple(
        magnitude_of(operation, magnitude, height=height, width=width) * (sign if operation in _SIGNED else 1.0)
        for operation in Operation
    )


def magnitude_of(operation: Operation, magnitude: int, *, height: int, width: int) -> float:
    """How strong `operation` is at bin `magnitude`, as in torchvision's table.

    Returns:
        Tangent of a shear, whole pixels of a translation, degrees, change of a gain about 1, bits kept, grey level from
        which pixels are inverted; 0 where there is nothing to choose.
    """
    if operation is Operation.POSTERIZE:
        return 8.0 - round(magnitude * _MAX_BITS_LOST / (NUM_BINS - 1))
    if operation is Operation.SOLARIZE:
        return 255.0 * _bin(1.0, 0.0, magnitude)
    if operation in (Operation.TRANSLATE_X, Operation.TRANSLATE_Y):
        side = width if operation is Operation.TRANSLATE_X else height
        return float(int(_bin(0.0, _MAX_SHARE_MOVED * side, magnitude)))
    if operation in (Operation.SHEAR_X, Operation.SHEAR_Y):
        return _bin(0.0, _MAX_SHEAR, magnitude)
    if operation is Operation.ROTATE:
        return _bin(0.0, _MAX_DEGREES, magnitude)
    return _bin(0.0, _MAX_GAIN, magnitude) if operation in _SIGNED else 0.0


def _bin(start: float, end: float, magnitude: int) -> float:
    # In float32 like torchvision's, or a translation by 43.5 px could be cut to another whole number.
    return float(torch.linspace(start, end, NUM_BINS)[magnitude])
