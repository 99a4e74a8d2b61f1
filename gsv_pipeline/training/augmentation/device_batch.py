"""RandAugment on an accelerator: a plan grouped by operation, each group of images at once.

The host knows the plan, so it alone makes the groups; nothing is read back, and two copies go to the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.training.augmentation.device_ops import DEVICE_OPERATIONS
from gsv_pipeline.training.augmentation.device_warp import matrices_of, warp
from gsv_pipeline.training.augmentation.plan import AFFINE, Operation, Plan

_AT_ONCE: Final = 64  # images of a group that are float32 at a time: 160 MB at 320 px


@dataclass(frozen=True, slots=True)
class Group:
    """Images that get the same operation in the same step.

    Args:
        operation: A tone operation; None for a warp.
        rows: [b] of the batch.
        values: [b, 1] magnitudes of a tone operation, [b, n, 2, 3] matrices of a warp of n affine operations.
    """

    operation: Operation | None
    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]


def apply_on_device(images: Tensor, plan: Plan, *, out: Tensor | None = None) -> Tensor:
    """Carry out a plan where the images are, without waiting for the device.

    Args:
        images: [B, 3, H, W] uint8.
        plan: Of B rows.
        out: Where to write, of the shape of `images`; may be `images`. A new tensor in their memory format if None.

    Returns:
        [B, 3, H, W] uint8.
    """
    height, width = images.shape[2:]
    groups = list(make_groups(plan, height=height, width=width))
    changed = images.clone() if out is None else out.copy_(images)
    if not groups:
        return changed
    all_rows = _upload(np.concatenate([group.rows for group in groups]), images.device)
    all_values = _upload(np.concatenate([group.values.reshape(-1) for group in groups]), images.device)
    rows = torch.split(all_rows, [len(group.rows) for group in groups])
    values = torch.split(all_values, [group.values.size for group in groups])
    for group, of_rows, of_values in zip(groups, rows, values, strict=True):
        chosen = changed.index_select(0, of_rows)
        changed.index_copy_(0, of_rows, _apply(group, chosen, of_values.view(group.values.shape)))
    return changed


def make_groups(plan: Plan, *, height: int, width: int) -> Iterator[Group]:
    """The work in its order: steps of each image stay in order, a run of affine operations is one warp at its end.

    Args:
        plan: What to do.
        height: Of the images, in pixels.
        width: Of the images, in pixels.
    """
    operations, magnitudes = _without_identities(plan)
    matrices = matrices_of(operations, magnitudes, height=height, width=width)  # [B, S, 3, 3]
    affine = np.isin(operations, AFFINE)
    length = np.zeros(len(operations), dtype=np.int64)  # affine operations in a row so far
    for step in range(operations.shape[1]):
        for operation in DEVICE_OPERATIONS:
            rows = np.flatnonzero(operations[:, step] == operation)
            for some in _pieces(rows):
                yield Group(operation, some, magnitudes[some, step, None].astype(np.float32))
        length = np.where(affine[:, step], length + 1, 0)
        goes_on = affine[:, step + 1] if step + 1 < operations.shape[1] else np.zeros_like(affine[:, step])
        for count in range(1, step + 2):
            for some in _pieces(np.flatnonzero((length == count) & ~goes_on)):
                run = _composed(matrices[some, step + 1 - count : step + 1])
                yield Group(None, some, run[:, :, :2].astype(np.float32))


def _without_identities(plan: Plan) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Operations and magnitudes with the identities of each image at its end, so that runs are next to each other."""
    order = np.argsort(plan.operations == Operation.IDENTITY, axis=1, kind="stable")
    return np.take_along_axis(plan.operations, order, 1), np.take_along_axis(plan.magnitudes, order, 1)


def _composed(run: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From each operation's matrix to where a pixel is looked up in the first image, then in each one between.

    Args:
        run: [b, n, 3, 3] from a pixel to its origin one operation earlier, first operation first.
    """
    products = run.copy()
    for position in range(run.shape[1] - 2, -1, -1):
        products[:, position] = run[:, position] @ products[:, position + 1]
    return products


def _pieces(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _apply(group: Group, images: Tensor, values: Tensor) -> Tensor:
    if group.operation is None:
        return warp(images, values)
    return DEVICE_OPERATIONS[group.operation](images, values[..., None, None])  # magnitudes [b, 1, 1, 1]


def _upload(values: npt.NDArray[np.int64] | npt.NDArray[np.float32], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        # Only a copy from pinned memory does not wait.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
