"""Affine operations of a batch as one warp: [B, 3, H, W] uint8 in and out, black where nothing was."""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from gsv_pipeline.training.augmentation.plan import Operation

Matrices = npt.NDArray[np.float64]


def matrices_of(
    operations: npt.NDArray[np.int64], magnitudes: npt.NDArray[np.float64], *, height: int, width: int
) -> Matrices:
    """From a pixel to where it came from, in pixels from the centre of the image.

    Args:
        operations: [...] values of `Operation`.
        magnitudes: [...] as in a plan.
        height: Of the images, in pixels.
        width: Of the images, in pixels.

    Returns:
        [..., 3, 3]; the identity for what is not affine.
    """
    strength = {operation: np.where(operations == operation, magnitudes, 0.0) for operation in Operation}
    angle = np.radians(strength[Operation.ROTATE])
    shear_x, shear_y = strength[Operation.SHEAR_X], strength[Operation.SHEAR_Y]
    matrices = np.zeros((*operations.shape, 3, 3))
    matrices[..., 0, 0] = matrices[..., 1, 1] = np.cos(angle)
    matrices[..., 0, 1] = shear_x - np.sin(angle)
    matrices[..., 1, 0] = shear_y + np.sin(angle)
    # A shear leaves the upper left corner where it is, not the centre.
    matrices[..., 0, 2] = shear_x * height / 2 - strength[Operation.TRANSLATE_X]
    matrices[..., 1, 2] = shear_y * width / 2 - strength[Operation.TRANSLATE_Y]
    matrices[..., 2, 2] = 1.0
    return matrices


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Look every pixel up once, through n affine operations.

    What an operation in the middle moved out of the picture stays black, as if each had been carried out in turn.

    Args:
        images: [B, 3, H, W] uint8.
        matrices: [B, n, 2, 3] from a pixel to its place in the first image, then in each image between; pixels from the
            centre.

    Returns:
        [B, 3, H, W] uint8.
    """
    height, width = images.shape[2:]
    x, y = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (width, height))
    # Written out: a matrix product would be rounded to TF32 where that is allowed.
    places = matrices[..., None, None, 0] * x + matrices[..., None, None, 1] * y[:, None] + matrices[..., None, None, 2]
    across, down = places.unbind(2)  # [B, n, H, W] each
    grid = torch.stack([across[:, 0] / (width / 2), down[:, 0] / (height / 2)], dim=-1)
    pixels = F.grid_sample(images.float(), grid, align_corners=False)
    for between in range(1, matrices.shape[1]):
        pixels *= _covered(across[:, between], width)[:, None] * _covered(down[:, between], height)[:, None]
    return pixels.round_().to(torch.uint8)


def _covered(places: Tensor, side: int) -> Tensor:
    """Share of a bilinear look-up that falls inside the image, along one side."""
    return ((side + 1) / 2 - places.abs()).clamp_(0.0, 1.0)
