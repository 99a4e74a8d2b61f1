"""Light, weather and viewpoint of a small street scene."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gsv_pipeline.models.arguments import require_number
from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch


@dataclass(frozen=True, slots=True)
class StreetDraws:
    """What happens to each image of a batch; every field has B rows.

    Args:
        scale: [B] zoom.
        offset: [B, 2] displacement in half sides, across and down.
        gain: [B, 1, 1, 1] of the brightness.
        factor: [B, 1, 1, 1] of the contrast.
        colour: [B, 3, 1, 1] gain of each channel.
        fading: [B, 1, 1, 1] share of the colour that is lost.
        size: [B, 2] of the erased rectangle, down and across, in sides.
        start: [B, 2] its upper left corner.
        chosen: [B] whether it is erased.
    """

    scale: Tensor
    offset: Tensor
    gain: Tensor
    factor: Tensor
    colour: Tensor
    fading: Tensor
    size: Tensor
    start: Tensor
    chosen: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> "StreetDraws":
        """`change` of every field: a part of the batch, or another device."""
        return StreetDraws(*(change(getattr(self, name)) for name in self.__dataclass_fields__))


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
        return self.apply(images, self.draw(seed, len(images)).map(lambda drawn: drawn.to(images.device)))

    def augment(self, images: Tensor, seeds: Seeds) -> Tensor:
        """See `Augmentation`. One image at a time: on a batch the draws would depend on the position."""
        check_batch(images, seeds)
        if not len(images):
            return images.float()
        return torch.cat([self(image[None], int(seed)) for image, seed in zip(images, seeds, strict=True)])

    def draw(self, seed: int, count: int) -> StreetDraws:
        """Draw for a batch of `count` images; a part of the draws is for the same part of the images."""
        generator = torch.Generator().manual_seed(seed)
        scale = 1.0 + self.zoom * _symmetric((count,), generator)
        offset = 2.0 * self.shift * _symmetric((count, 2), generator)
        shape = (count, 1, 1, 1)
        gain = 1.0 + self.brightness * _symmetric(shape, generator)
        factor = 1.0 + self.contrast * _symmetric(shape, generator)
        colour = 1.0 + self.tint * _symmetric((count, 3, 1, 1), generator)
        fading = torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < self.grey_share)
        size = 0.1 + 0.3 * torch.rand(count, 2, generator=generator)
        start = torch.rand(count, 2, generator=generator) * (1.0 - size)
        chosen = torch.rand(count, generator=generator) < self.erase_share
        return StreetDraws(scale, offset, gain, factor, colour, fading, size, start, chosen)

    def apply(self, images: Tensor, draws: StreetDraws) -> Tensor:
        """Carry draws out.

        Args:
            images: [B, 3, H, W] uint8.
            draws: For B images, on the same device.

        Returns:
            [B, 3, H, W] float32 in [0, 1].
        """
        return _erase(_relight(_move(images.float() / 255.0, draws), draws), draws)


def _move(pixels: Tensor, draws: StreetDraws) -> Tensor:
    theta = torch.zeros(len(pixels), 2, 3, device=pixels.device)
    theta[:, 0, 0] = theta[:, 1, 1] = draws.scale
    theta[:, :, 2] = draws.offset
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def _relight(pixels: Tensor, draws: StreetDraws) -> Tensor:
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = (pixels - mean) * draws.factor + mean * draws.gain
    pixels = pixels * draws.colour
    grey = pixels.mean(dim=1, keepdim=True)
    return torch.lerp(pixels, grey.expand_as(pixels), draws.fading).clamp(0.0, 1.0)


def _erase(pixels: Tensor, draws: StreetDraws) -> Tensor:
    height, width = pixels.shape[2:]
    rows, columns = (torch.arange(side, device=pixels.device) / side for side in (height, width))
    start, end = draws.start, draws.start + draws.size
    inside_rows = (rows >= start[:, :1]) & (rows < end[:, :1])  # [B, H]
    inside_columns = (columns >= start[:, 1:]) & (columns < end[:, 1:])  # [B, W]
    mask = inside_rows[:, None, :, None] & inside_columns[:, None, None, :] & draws.chosen[:, None, None, None]
    return torch.where(mask, torch.full_like(pixels, 0.5), pixels)


def _symmetric(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2.0 * torch.rand(shape, generator=generator) - 1.0
