"""Light, weather and viewpoint of a small street scene."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from gsv_pipeline.models.arguments import require_number
from gsv_pipeline.training.augmentation.pieces import Pieces, Upload
from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch, random_fractions

_DRAWN: Final = (1, 2, 1, 1, 3, 1, 1, 2, 2, 1)
"""Numbers for scale, offset, gain, factor, colour, fading and whether, size, start, whether to erase."""


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

    def __call__(self, images: Tensor, seeds: Seeds, *, upload: Upload, plain: bool = False) -> Pieces:
        """See `Augmentation`. Piece by piece: all images of a batch in float32 would be four times its bytes."""
        check_batch(images, seeds)
        draws = self.draw(seeds).map(upload)
        return lambda piece: self.apply(images[piece], draws.map(lambda values: values[piece]))

    def draw(self, seeds: Seeds) -> StreetDraws:
        """Draw for each of [B] images."""
        fractions = torch.from_numpy(random_fractions(seeds, sum(_DRAWN)))
        scale, offset, gain, factor, colour, fading, faded, size, start, chosen = torch.split(
            fractions, list(_DRAWN), dim=1
        )
        size = 0.1 + 0.3 * size
        return StreetDraws(
            scale=1.0 + self.zoom * _symmetric(scale[:, 0]),
            offset=2.0 * self.shift * _symmetric(offset),
            gain=1.0 + self.brightness * _symmetric(gain)[:, :, None, None],
            factor=1.0 + self.contrast * _symmetric(factor)[:, :, None, None],
            colour=1.0 + self.tint * _symmetric(colour)[:, :, None, None],
            fading=(fading * (faded < self.grey_share))[:, :, None, None],
            size=size,
            start=start * (1.0 - size),
            chosen=chosen[:, 0] < self.erase_share,
        )

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


def _symmetric(fractions: Tensor) -> Tensor:
    return 2.0 * fractions - 1.0
