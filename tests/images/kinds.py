"""Image files of every kind: sound ones that cameras and programs write, and damaged ones."""

import io

import numpy as np
from PIL import Image

EXIF_TURNED = 6  # of the orientation tag: hold the camera upright and the file lies on its side


def picture(size=(160, 120)):
    """A slope with grain, so that every pixel counts."""
    columns, rows = np.meshgrid(np.linspace(0, 200, size[0]), np.linspace(0, 50, size[1]))
    noise = np.random.default_rng(0).normal(0, 12, (*columns.shape, 3))
    return Image.fromarray(np.clip((columns + rows)[..., None] + noise, 0, 255).astype(np.uint8))


def encoded(kind="JPEG", mode="RGB", size=(160, 120), **options):
    """The bytes of a file."""
    stream = io.BytesIO()
    picture(size).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def deep():
    """A PNG of 16 bits."""
    grey = np.asarray(picture().convert("L"), dtype=np.uint16) * 257
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "PNG")
    return stream.getvalue()


def turned():
    """A JPEG that says that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = EXIF_TURNED
    return encoded(exif=exif.tobytes())


def see_through():
    """A PNG with an alpha channel that is not one everywhere."""
    image = picture().convert("RGBA")
    image.putalpha(image.convert("L"))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


PLAIN = encoded()
JPEGS = {
    "plain": PLAIN,
    "odd sides": encoded(size=(157, 93)),
    "progressive": encoded(progressive=True),
    "grey": encoded(mode="L"),
    "progressive grey": encoded(mode="L", progressive=True),
    "cmyk": encoded(mode="CMYK"),
    "rgb inside": encoded(keep_rgb=True),
    "full colour": encoded(subsampling=0, size=(157, 93)),
    "4:2:2": encoded(subsampling=1, size=(157, 93)),
    "4:1:1": encoded(subsampling="4:1:1", size=(157, 93)),
    "restart markers": encoded(restart_marker_blocks=3),
    "quality 1": encoded(quality=1),
    "quality 100": encoded(quality=100),
    "long exif": encoded(exif=b"Exif\0\0" + b"x" * 60_000),
    "thumbnail": encoded(exif=b"Exif\0\0" + encoded(size=(32, 24))),
    "on its side": turned(),
    "long profile": encoded(icc_profile=b"q" * 200_000),
    "two pictures": encoded("MPO", save_all=True, append_images=[picture()]),
    "one pixel": encoded(size=(1, 1)),
    "one row": encoded(size=(40, 1)),
    "one column": encoded(size=(1, 40)),
    # What libjpeg complains of and cameras do.
    "zeros behind the end": PLAIN + bytes(1000),
    "a film behind the end": PLAIN + b"ftypmp42" * 1000,
    "zeros before the end": PLAIN[:-2] + bytes(100) + PLAIN[-2:],
    "few bytes before the end": PLAIN[:-2] + b"\x12\x34\x56\x78\x9a" + PLAIN[-2:],
    "bytes between header segments": PLAIN[:20] + b"\0" * 608 + PLAIN[20:],
    "unknown version of JFIF": PLAIN[:11] + b"\x02\x01" + PLAIN[13:],
    "unknown transform of Adobe": PLAIN[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x07" + PLAIN[20:],
    "transform of Adobe that says RGB": PLAIN[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x00" + PLAIN[20:],
}
OTHERS = {
    "png": encoded("PNG"),
    "png with alpha": see_through(),
    "png with colour map": encoded("PNG", "P"),
    "png in grey": encoded("PNG", "L"),
    "png in grey with alpha": encoded("PNG", "LA"),
    "png in black and white": encoded("PNG", "1"),
    "png of 16 bits": deep(),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "tiff of jpeg": encoded("TIFF", compression="jpeg"),
}
SOUND = {**JPEGS, **OTHERS}
