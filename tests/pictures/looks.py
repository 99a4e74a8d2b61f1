"""Whether a picture shows anything."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tests.pictures.browser import LARGEST

_SMALLEST: Final = 5_000
"""Bytes; a blank page has less."""
_LOWEST: Final = 100
"""Pixels."""
_SHOWING: Final = 0.5
"""Share of the rows, and of the columns, with something on them."""


def shows_something(picture: Path, *, width: int) -> None:
    """Not blank: of its rows and columns, most hold more than one colour; and as small as a repository wants it."""
    assert _SMALLEST < picture.stat().st_size <= LARGEST
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("L"))
    assert pixels.shape[1] == width
    assert pixels.shape[0] > _LOWEST
    for axis in (0, 1):
        assert (np.ptp(pixels, axis=axis) > 20).mean() > _SHOWING, f"{picture.name} is blank"
