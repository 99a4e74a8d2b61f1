"""Augmentations on tensors: [B, 3, H, W] uint8 -> [B, 3, H, W] float32 in [0, 1]. Chance comes from a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_number, require_whole
from gsv_pipeline.registry import Registry

_MAGNITUDES: Final = 30  # of torchvision's 31 bins, counted from 0

Augmentation = Callable[[Tensor, int], Tensor]
"""`(images [B, 3, H, W] uint8, seed) -> [B, 3, H, W] float32 in [0, 1]`: the same seed gives the same output."""


@dataclass(frozen=True, slots=True)
class NoAugmentation:
    """Images as they are."""

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """See `Augmentation`."""
        return images.float() / 255.0


@dataclass(frozen=True, slots=True)
class RandAugment:
    """RandAugment per image, Cubuk et al. 2019 (arXiv 1909.13719); the reference's training augmentation (FIELD 1.2).

    Args:
        num_ops: Operations per image.
        magnitude: Strength, 0 to 30.

    Raises:
        ConfigError: A number out of range.
    """

    num_ops: int = 3
    magnitude: int = 9

    def __post_init__(self) -> None:
        require_whole("augmentation 'randaugment'", least=0, num_ops=self.num_ops, magnitude=self.magnitude)
        if self.magnitude > _MAGNITUDES:
            raise ConfigError(
                f"augmentation 'randaugment': 'magnitude' is {self.magnitude}, expected 0 to {_MAGNITUDES}."
            )

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """See `Augmentation`."""
        transform = v2.RandAugment(self.num_ops, self.magnitude, interpolation=InterpolationMode.BILINEAR)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            # One image at a time: on a batch the transform would draw one sequence of operations for all images.
            changed = [transform(image) for image in images]
        return torch.stack(changed).float() / 255.0


@dataclass(frozen=True, slots=True)
class Street:
    """Light, weather and viewpoint of a small street scene, all images of a batch at once.

    Args:
        brightness: Gain drawn from 1 ± this.
        contrast: Factor about the image's mean, from 1 ± this.
        tint: Gain per colour channel, from 1 ± this.
        grey_share: Share of images that lose part of their colour.
        zoom: Scale drawn from 1 ± this.
        shift: Displacement of at most this share of the side.
        erase_share: Share of images in which a rectangle is filled with grey.

    Raises:
        ConfigError: A strength outside 0 to 1.
    """

    brightness: float = 0.25
    contrast: float = 0.25
    tint: float = 0.1
    grey_share: float = 0.2
    zoom: float = 0.1
    shift: float = 0.06
    erase_share: float = 0.3

    def __post_init__(self) -> None:
        strengths = {name: getattr(self, name) for name in self.__dataclass_fields__}
        require_number("augmentation 'street'", least=0.0, below=1.0 + 1e-9, **strengths)

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """See `Augmentation`."""
        generator = torch.Generator().manual_seed(seed)
        pixels = self._move(images.float() / 255.0, generator)
        return self._erase(self._relight(pixels, generator), generator)

    def _move(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        count = len(pixels)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = 1.0 + self.zoom * _symmetric((count,), generator)
        theta[:, :, 2] = 2.0 * self.shift * _symmetric((count, 2), generator)
        grid = F.affine_grid(theta.to(pixels.device), list(pixels.shape), align_corners=False)
        return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)

    def _relight(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        shape, device = (len(pixels), 1, 1, 1), pixels.device
        gain = 1.0 + self.brightness * _symmetric(shape, generator)
        factor = 1.0 + self.contrast * _symmetric(shape, generator)
        colour = 1.0 + self.tint * _symmetric((len(pixels), 3, 1, 1), generator)
        fading = torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < self.grey_share)
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        pixels = (pixels - mean) * factor.to(device) + mean * gain.to(device)
        pixels = pixels * colour.to(device)
        grey = pixels.mean(dim=1, keepdim=True)
        return torch.lerp(pixels, grey.expand_as(pixels), fading.to(device)).clamp(0.0, 1.0)

    def _erase(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = pixels.shape
        size = 0.1 + 0.3 * torch.rand(count, 2, generator=generator)
        start = torch.rand(count, 2, generator=generator) * (1.0 - size)
        chosen = torch.rand(count, generator=generator) < self.erase_share
        rows, columns = torch.arange(height) / height, torch.arange(width) / width
        inside_rows = (rows >= start[:, :1]) & (rows < start[:, :1] + size[:, :1])  # [B, H]
        inside_columns = (columns >= start[:, 1:]) & (columns < start[:, 1:] + size[:, 1:])  # [B, W]
        mask = inside_rows[:, None, :, None] & inside_columns[:, None, None, :] & chosen[:, None, None, None]
        return torch.where(mask.to(pixels.device), torch.full_like(pixels, 0.5), pixels)


def _symmetric(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2.0 * torch.rand(shape, generator=generator) - 1.0


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation",
    {
        "none": NoAugmentation,
        "randaugment": RandAugment,
        "street": Street,
    },
)
