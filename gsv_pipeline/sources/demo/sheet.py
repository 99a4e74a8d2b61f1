"""A drawing surface in metres, for textures."""

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from gsv_pipeline.sources.demo.palettes import Colour


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's built-in font, so that text looks the same on every machine."""
    return ImageFont.load_default(max(6, size))


class Sheet:
    """A drawing surface in metres, with the origin in the lower left corner.

    Args:
        image: Where to draw.
        scale: Pixels per metre.
    """

    def __init__(self, image: Image.Image, scale: float) -> None:
        self.image, self.scale = image, scale
        self.draw = ImageDraw.Draw(image)

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        """A filled rectangle; at least one pixel wide and high."""
        scale, height = self.scale, self.image.height
        x, y = left * scale, height - top * scale
        self.draw.rectangle((x, y, max(x, right * scale - 1), max(y, height - bottom * scale - 1)), colour)

    def polygon(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * self.scale, self.image.height - y * self.scale) for x, y in corners], colour)

    def text(self, text: str, *, middle: tuple[float, float], height: float, width: float, colour: Colour) -> None:
        """Text around a middle point, made smaller until it fits into `width`."""
        size = height * self.scale
        room = width * self.scale
        size = min(size, size * room / max(1.0, font(20).getlength(text) * size / 20))
        if size >= 5:
            spot = (middle[0] * self.scale, self.image.height - middle[1] * self.scale)
            self.draw.text(spot, text, colour, font(round(size)), anchor="mm")
