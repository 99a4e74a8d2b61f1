"""uint8 images -> augmented, normalised input of the network, the same however a batch is split."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.models.normalise import normalise, normalise_plainly, to_channels_first
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.training.augmentation import Augmentation, Pieces, image_seeds

_CPU: Final = torch.device("cpu")


class Uploads:
    """Copies from the host that wait for nothing: pinned, on a stream of their own, beside the running step.

    Args:
        device: Where to.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, values: Tensor) -> Tensor:
        """`values` on the device; on a CPU the same tensor, so never write into it."""
        if self._stream is None:
            return values.to(self.device)
        # A copy even of what is pinned already: a reader reuses its buffer while the copy may wait for its turn.
        pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values)
        with torch.cuda.stream(self._stream):
            uploaded = pinned.to(self.device, non_blocking=True)
        current = torch.cuda.current_stream(self.device)
        current.wait_stream(self._stream)
        uploaded.record_stream(current)
        return uploaded


class Pixels:
    """Makes the network's input.

    What an image becomes depends on the seed, the epoch and its row alone, not on the batch, the process, the piece,
    the thread or a resume.

    Args:
        augmentation: Of uint8 images.
        upload: To the device of the network.
        seed: Of the run.
        num_rows: Rows of the places; mirrored images have seeds beyond them.
        plain: Each operation as its library does it, on the CPU, in channels-first memory.
    """

    def __init__(
        self, augmentation: Augmentation, *, upload: Uploads, seed: int, num_rows: int, plain: bool = False
    ) -> None:
        self._augmentation = augmentation
        self._plain = plain
        self._upload = Uploads(_CPU) if plain else upload
        self._device = upload.device
        self._normalise = normalise_plainly if plain else normalise
        self._seed = seed
        self._num_rows = num_rows

    def __call__(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, share: slice, epoch: int) -> Pieces:
        """Mirror and augment the images of a share.

        Args:
            batch: The whole batch, of all processes.
            images: [b, H, W, 3] of the share; only read.
            share: Which rows of the batch they are.
            epoch: From 0.

        Returns:
            The input, [b, 3, H, W] float32 by slices of the share.
        """
        # torch would warn about memory that it must not write to; nothing does.
        pixels = to_channels_first(self._upload(torch.from_numpy(np.require(images, requirements="W"))))
        mirrored = batch.mirrored[share]
        if mirrored.any():
            chosen = self._upload(torch.from_numpy(mirrored))
            pixels = torch.where(chosen[:, None, None, None], pixels.flip(-1), pixels)
        seeds = image_seeds(self._seed, epoch, batch.rows[share] + mirrored * self._num_rows)
        augmented = self._augmentation(pixels, seeds, upload=self._upload, plain=self._plain)
        return lambda piece: self._normalise(augmented(piece)).to(self._device)
