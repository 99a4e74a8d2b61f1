"""A model made ready to describe: folded, in the layout and the precision that the device is fast in."""

import copy
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.unusable import what_to_do
from gsv_pipeline.errors import RunError
from gsv_pipeline.hardware import choose_precision, give_back, is_out_of_memory
from gsv_pipeline.models.folding import fold_batch_norm, store_in_16_bits
from gsv_pipeline.models.normalise import normalise, to_channels_first
from gsv_pipeline.tracking import Tracker

COMPILE_PAYS_FROM: Final = 1000
"""Images. Compiling takes half a minute (PERFORMANCE 6)."""

CACHED_PIXELS: Final = 4 * 320 * 320
"""Per thread of a CPU. The feature maps of so many stay near the processor between one operation and the next:
ResNet50 in bf16 describes four images of 320 px a third faster than eight."""

_TYPES: Final = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}

Float = npt.NDArray[np.float32]


class Describer:
    """Describes batches of images with a copy of a model; the model itself is left as it is.

    Batch norms use their running statistics, so a descriptor does not depend on what else is in the batch.

    Args:
        model: `[B, 3, H, W] -> [B, D]` on its device.
        precision: See `hardware.choose_precision`.
        tracker: Told when memory runs out, or the model cannot be compiled.
        pad_to: Compile for batches of this size and fill smaller ones up; None: do not compile.
    """

    def __init__(
        self, model: nn.Module, *, tracker: Tracker, precision: str = PRECISION, pad_to: int | None = None
    ) -> None:
        self.device = next(model.parameters()).device
        self._dtype = _TYPES.get(choose_precision(precision, self.device.type))
        self._model = _prepared(model, self._dtype)
        self._tracker = tracker
        self._pad_to = pad_to
        self._compiled: Any = self._compile() if pad_to else None
        self._at_once: int | None = None  # known when memory has run out

    @torch.inference_mode()
    def __call__(self, images: npt.NDArray[np.uint8], names: Sequence[str] = ()) -> Float:
        """[B, H, W, 3] uint8 -> [B, D] float32 on the host.

        Args:
            images: [B, H, W, 3].
            names: [B] of the images, for messages; empty where nobody knows them.

        Raises:
            RunError: There is not enough memory for a single image, or somebody's callable gives numbers that no
                search can use.
        """
        parts: list[Float] = []
        done = 0
        while done < len(images):
            stop = min(done + self._most(images), len(images))
            try:
                parts.append(self._describe(images[done:stop]))
            except RunError as error:  # of the model itself: somebody's callable
                raise self._located(error, images[done:stop], names[done:stop]) from error
            except RuntimeError as error:
                self._take_less(stop - done, error)
                continue
            done = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _most(self, images: npt.NDArray[np.uint8]) -> int:
        """Images through the network at once: what memory held so far, on a CPU what its caches hold, else all."""
        if self._at_once is not None:
            return self._at_once
        if self.device.type != "cpu" or self._compiled is not None:
            return len(images)
        pixels = int(images.shape[1]) * int(images.shape[2])
        return max(torch.get_num_threads() * CACHED_PIXELS // pixels, 1)

    def _describe(self, images: npt.NDArray[np.uint8]) -> Float:
        # A memory map may be read-only, and torch wants to be told that nobody will write.
        pixels = normalise(to_channels_first(torch.from_numpy(np.require(images, requirements="W")).to(self.device)))
        with torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None):
            descriptors = self._forward(pixels)
        found: Float = descriptors.float().cpu().numpy()
        return found

    def _located(self, error: RunError, images: npt.NDArray[np.uint8], names: Sequence[str]) -> RunError:
        """The error with the images that it is about: those that fail alone as well."""
        failing = [names[row] for row in range(len(names)) if self._fails(images[row : row + 1])]
        return RunError(f"{error} {what_to_do(failing, names)}", error.details)

    def _fails(self, image: npt.NDArray[np.uint8]) -> bool:
        try:
            self._describe(image)
        except RunError:
            return True
        return False

    def _forward(self, pixels: Tensor) -> Tensor:
        if self._compiled is None or self._pad_to is None or self._at_once is not None:
            eager: Tensor = self._model(pixels)
            return eager
        count = len(pixels)
        if count < self._pad_to:  # another size would be compiled anew
            pixels = torch.cat([pixels, pixels[:1].expand(self._pad_to - count, -1, -1, -1)])
        try:
            compiled: Tensor = self._compiled(pixels)
        except torch._dynamo.exc.TorchDynamoException as error:
            self._say(error)
            self._compiled = None
            return self._forward(pixels[:count])
        return compiled[:count]

    def _compile(self) -> Any:
        try:
            return torch.compile(self._model, dynamic=False)
        except RuntimeError as error:  # this Python or this system has no torch.compile
            self._say(error)
            return None

    def _say(self, error: BaseException) -> None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines[:2]) or type(error).__name__
        self._tracker.message(f"torch.compile does not work here ({reason}); going on without it, more slowly.")

    def _take_less(self, tried: int, error: RuntimeError) -> None:
        if not is_out_of_memory(error):
            raise error
        if tried == 1:
            raise RunError(
                f"There is not enough memory on {self.device} to describe a single image. Use smaller images, a "
                "smaller model, or free some memory, and run the same command again to go on."
            ) from error
        self._at_once = tried // 2
        self._tracker.message(f"Out of memory with {tried} images at once; going on with {self._at_once}.")
        give_back(self.device)


def _prepared(model: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    try:
        copied = fold_batch_norm(model)
    except (TypeError, RuntimeError, copy.Error):  # holds something that cannot be copied, such as a session elsewhere
        return model
    if dtype is not None:
        store_in_16_bits(copied, dtype)
    return copied.to(memory_format=torch.channels_last)
