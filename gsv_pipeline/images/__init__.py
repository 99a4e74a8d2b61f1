"""Reading images: strictly, as Pillow's pixels to within one grey level, as fast as the processors allow."""

from gsv_pipeline.images.listing import SUFFIXES, list_images
from gsv_pipeline.images.opening import Interpolation, check_image, open_image, read_resized
from gsv_pipeline.images.reader import ImageReader

__all__ = [
    "SUFFIXES",
    "ImageReader",
    "Interpolation",
    "check_image",
    "list_images",
    "open_image",
    "read_resized",
]
