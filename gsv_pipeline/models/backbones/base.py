"""What every backbone is: images in, a feature map out."""

from torch import nn


class Backbone(nn.Module):
    """A network `[B, 3, H, W] -> [B, C, h, w]`.

    Attributes:
        out_channels: C, known as soon as the backbone is built; the aggregator is made for it.
    """

    out_channels: int
