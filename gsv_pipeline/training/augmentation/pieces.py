"""The kind of thing that an augmentation hands on."""

from collections.abc import Callable

from torch import Tensor

Pieces = Callable[[slice], Tensor]
"""A slice of the images -> these [b, 3, H, W], again and again the same."""

Upload = Callable[[Tensor], Tensor]
"""From the host to the device of the images; nothing waits for it."""
