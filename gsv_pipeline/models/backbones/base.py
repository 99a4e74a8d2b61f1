"""What every backbone is: images in, a feature map out."""

from typing import ClassVar, Final

from torch import nn

from gsv_pipeline.errors import ConfigError

LEAST_SIDE: Final = 32
"""Pixels: the largest stride, so that a feature map has at least one cell."""


class Backbone(nn.Module):
    """A network `[B, 3, H, W] -> [B, C, h, w]`.

    Args:
        name: Its row in `BACKBONES`; it opens error messages.

    Attributes:
        out_channels: C, known as soon as the backbone is built; the aggregator is made for it.
        stride: Pixels of the image per cell of the feature map.
        gives_class_token: Whether `forward` returns `(features [B, C, h, w], token [B, C])` instead of features alone.
    """

    out_channels: int
    stride: int
    gives_class_token: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def freeze(self) -> None:
        """Stop the gradients of what the settings name, as the constructor does where weights are loaded.

        For a model whose pretrained weights come another way; a backbone without such settings does nothing.
        """

    def check_size(self, height: int, width: int) -> None:
        """Refuse images that this backbone cannot take.

        Args:
            height: Of the images, in pixels.
            width: Of the images, in pixels.

        Raises:
            ConfigError: The size does not fit; the message says which does.
        """
        if min(height, width) < LEAST_SIDE:
            raise ConfigError(
                f"backbone '{self.name}': images are {height} x {width} px (height x width); "
                f"expected {LEAST_SIDE} px or more each way. Set a larger image size."
            )
