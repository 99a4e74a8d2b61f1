"""Where the model looks, laid over the photograph."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from gsv_pipeline.reports.thumbnails import Thumbnail, data_uri, jpeg_bytes

_SHADE = 0.62
"""How dark the parts become that do not matter at all."""


def overlay(image: Image.Image, importance: npt.NDArray[np.float32]) -> Thumbnail:
    """The image with what matters left bright and tinted, and the rest shaded.

    Args:
        image: RGB, at the size shown.
        importance: [h, w] in 0..1, of the cells of the model's feature map.
    """
    grey = Image.fromarray((255 * np.clip(importance, 0, 1)).astype(np.uint8))
    weight = np.asarray(grey.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32)[..., None] / 255
    pixels = np.asarray(image, dtype=np.float32)
    shaded = pixels * (1 - _SHADE * (1 - weight))
    tint = np.array([255.0, 176.0, 32.0], dtype=np.float32)  # amber: neither the green of hits nor the red of misses
    mixed = shaded + 0.35 * weight**2 * (tint - shaded)
    shown = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    return Thumbnail(data_uri(jpeg_bytes(shown), "image/jpeg"), shown.width, shown.height)
