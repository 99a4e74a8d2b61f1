"""Light, weather and viewpoint of a small street scene."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gsv_pipeline.models.arguments import require_number
from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch


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

    def augment(self, images: Tensor, seeds: Seeds) -> Tensor:
        """See `Augmentation`. One image at a time: on a batch the draws would depend on the position."""
        check_batch(images, seeds)
        if not len(images):
            return images.float()
        return torch.cat([self(image[None], int(seed)) for image, seed in zip(images, seeds, strict=True)])

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
