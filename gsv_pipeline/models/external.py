"""Someone else's model as one of ours: asked once, checked at every batch, and brought to unit length."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError, GsvError, RunError

PROBED_IMAGES: Final = 2
BATCH_TOLERANCE: Final = 1e-3
"""Descriptors of an image alone and in a batch may differ by so much: sums of floats come out in another order."""

WHERE_TO_LOOK: Final = (
    "Look in the callable for a division by a norm or a sum that is 0 (torch.nn.functional.normalize takes care of "
    "that), the root or logarithm of a negative number, and float16, which ends at 65,504 (.float() before a sum; "
    "--precision 32-true)."
)
"""What gives descriptors that are not finite, or zero."""

Describe = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Probed:
    """What a model said when it was asked once.

    Args:
        descriptor_size: D.
        depends_on_batch: Whether a descriptor changes with the other images of its batch; then recall depends on how
            many images are described at once, and on their order.
    """

    descriptor_size: int
    depends_on_batch: bool


class ExternalModel(nn.Module):
    """A callable as one of our models: `[B, 3, H, W] -> [B, D]` float32, rows of length one.

    Args:
        reference: Its name; it opens every error.
        describe: The callable. A `torch.nn.Module` moves with this one between devices; of any other kind it has to
            bring its own parts to the device of the images.

    Attributes:
        out_dim: D, known after `probe`.
    """

    def __init__(self, reference: str, describe: Describe) -> None:
        super().__init__()
        self.reference = reference
        self.describe = describe
        self.out_dim = 0
        # Whoever asks for the device of a model asks its first parameter, and a plain function has none.
        self.anchor = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors of images.

        Args:
            images: `[B, 3, H, W]` float32, normalised with ImageNet's mean and deviation.

        Returns:
            `[B, D]` float32, rows of length one.

        Raises:
            ConfigError: Something else than one descriptor per image came back, or from another device.
            RunError: Descriptors that are not finite, or zero.
        """
        descriptors = self._checked(self.describe(images), images).float()
        norms = torch.linalg.vector_norm(descriptors, dim=1, keepdim=True)  # [B, 1]
        bad = int((~(norms.isfinite() & (norms > 0))).sum())
        if bad:
            raise RunError(f"callable '{self.reference}': {bad} of {len(images)} descriptors are not finite, or zero.")
        unit: Tensor = descriptors / norms
        return unit

    @torch.inference_mode()
    def probe(self, height: int, width: int) -> Probed:
        """Describe two images of noise, together and alone.

        Args:
            height: Of the images, in pixels.
            width: Of the images, in pixels.

        Raises:
            ConfigError: The callable fails, or what it returns is no descriptor per image.
            RunError: Descriptors that are not finite, or zero.
        """
        noise = torch.randn(PROBED_IMAGES, 3, height, width, generator=torch.Generator().manual_seed(0))
        images = noise.to(self.anchor.device)
        try:
            together = self(images)
            alone = torch.cat([self(image) for image in torch.split(images, 1)])
        except RunError as error:
            raise RunError(
                f"{error} The images were noise. {WHERE_TO_LOOK} Mend it, and run the same command again."
            ) from error
        except GsvError:
            raise
        except Exception as error:
            raise ConfigError(
                f"callable '{self.reference}' failed on images {list(images.shape)} on {images.device}: "
                f"{type(error).__name__}: {error}"
            ) from error
        difference = float((together - alone).abs().max())
        return Probed(self.out_dim, difference > BATCH_TOLERANCE)

    def _checked(self, returned: Any, images: Tensor) -> Tensor:
        if not isinstance(returned, Tensor):
            self._refuse(f"a {type(returned).__name__}", images)
        if returned.ndim != 2 or len(returned) != len(images) or not returned.shape[1]:
            self._refuse(f"a tensor of shape {list(returned.shape)}", images)
        if not returned.is_floating_point():
            self._refuse(f"a tensor of {returned.dtype}", images)
        if returned.device != images.device:
            self._refuse(f"a tensor on {returned.device}", images)
        if self.out_dim and returned.shape[1] != self.out_dim:
            self._refuse(f"{returned.shape[1]} numbers an image after {self.out_dim} before", images)
        self.out_dim = int(returned.shape[1])
        tensor: Tensor = returned
        return tensor

    def _refuse(self, found: str, images: Tensor) -> None:
        raise ConfigError(
            f"callable '{self.reference}' returned {found} for images {list(images.shape)} on {images.device}; "
            f"expected descriptors [{len(images)}, D], floating, on the same device."
        )
