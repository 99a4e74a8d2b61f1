"""Paints polygons, boxes and textured planes of a street onto an image, in the order in which they are given."""

import math
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw

from gsv_pipeline.sources.demo.geometry import Camera, Pixel, Plane, Point, texture_coefficients
from gsv_pipeline.sources.demo.palettes import Colour
from gsv_pipeline.sources.demo.weather import Light, Tint

BLACK: Final = (0, 0, 0)


Shine = Callable[[], Image.Image]


class Texture:
    """An RGB image and its smaller copies, each half as wide and high as the one before.

    Args:
        image: The sharpest level.
    """

    def __init__(self, image: Image.Image) -> None:
        self._levels = [image]

    @property
    def mean(self) -> Colour:
        """What is left of it when it is seen from very far."""
        red, green, blue = self._levels[-1].resize((1, 1), Image.Resampling.BOX).tobytes()
        return red, green, blue

    def level(self, shrink: float) -> Image.Image:
        """The level for a texture that appears `shrink` times smaller than it is."""
        wanted = max(0, round(math.log2(max(shrink, 1e-6)) - 0.15))
        while wanted >= len(self._levels) and min(self._levels[-1].size) > 8:
            self._levels.append(self._levels[-1].reduce(2))
        return self._levels[min(wanted, len(self._levels) - 1)]


class Painter:
    """Draws into `canvas` (what light falls on) and, at night, into `glow` (what shines by itself).

    Args:
        camera: Who looks.
        light: Colours, shadows and fog.
        canvas: Image of the camera's size, RGB.
    """

    def __init__(self, camera: Camera, light: Light, canvas: Image.Image) -> None:
        self.camera, self.light, self.canvas = camera, light, canvas
        self._draw = ImageDraw.Draw(canvas)
        self._shades: dict[Point, Tint] = {}
        self.glow: Image.Image | None = Image.new("RGB", canvas.size) if light.night else None
        self._glow_draw = ImageDraw.Draw(self.glow) if self.glow is not None else None

    def polygon(
        self, points: list[Point], colour: Colour, *, normal: Point = (0.0, 1.0, 0.0), shine: Colour = BLACK
    ) -> None:
        """A flat polygon; `shine` is the colour of its own light at night."""
        outline = self.camera.project(points)
        if not self.camera.touches(outline):
            return
        self._draw.polygon(outline, self._coloured(colour, normal, self.camera.depth(points[0])))
        if self._glow_draw is not None:
            self._glow_draw.polygon(outline, shine)

    def _coloured(self, colour: Colour, normal: Point, distance: float) -> Colour:
        """`colour` on a surface with `normal`, `distance` metres away; written out, as it runs hundreds of times."""
        shade = self._shades.get(normal)
        if shade is None:
            shade = self._shades[normal] = self.light.shade(normal)
        share, fog = self.light.fade(distance), self.light.fog
        red = int(colour[0] * shade[0] * (1 - share) + fog[0] * share)
        green = int(colour[1] * shade[1] * (1 - share) + fog[1] * share)
        blue = int(colour[2] * shade[2] * (1 - share) + fog[2] * share)
        return red if red < 255 else 255, green if green < 255 else 255, blue if blue < 255 else 255

    def faces_camera(self, point: Point, normal: Point) -> bool:
        """Whether a surface through `point` with this normal shows its front."""
        x, y, z = self.camera.position
        return (x - point[0]) * normal[0] + (y - point[1]) * normal[1] + (z - point[2]) * normal[2] > 0

    def sees(self, points: list[Point]) -> bool:
        """Whether the bounding box of these points on the image touches it."""
        return self.camera.touches(self.camera.project(points))

    def box(self, low: Point, high: Point, colour: Colour, *, top: Colour | None = None, shine: Colour = BLACK) -> None:
        """A box between two opposite corners."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        x, y, z = self.camera.position
        if y > y1:
            self.polygon([(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)], top or colour, shine=shine)
        if y < y0:
            self.polygon(
                [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)], colour, normal=(0.0, -1.0, 0.0), shine=shine
            )
        if x < x0:
            self.polygon(
                [(x0, y0, z0), (x0, y0, z1), (x0, y1, z1), (x0, y1, z0)], colour, normal=(-1.0, 0.0, 0.0), shine=shine
            )
        elif x > x1:
            self.polygon(
                [(x1, y0, z0), (x1, y0, z1), (x1, y1, z1), (x1, y1, z0)], colour, normal=(1.0, 0.0, 0.0), shine=shine
            )
        if z < z0:
            self.polygon(
                [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)], colour, normal=(0.0, 0.0, -1.0), shine=shine
            )

    def textured(
        self,
        plane: Plane,
        make: Callable[[], Texture],
        *,
        outline: list[Point],
        normal: Point,
        shine: Shine | None = None,
    ) -> None:
        """A texture on a plane, cut out along `outline` (points on the plane).

        Args:
            plane: Where the texture hangs.
            make: Gives the texture; called only if something of it is seen.
            outline: Corners of what is shown.
            normal: Of the plane.
            shine: Gives what shines on it at night; nothing without it.
        """
        shape = self.camera.project(outline)
        if not self.camera.touches(shape):
            return
        texture = make()
        box = self._cutout(shape)
        size = (box[2] - box[0], box[3] - box[1])
        distance = max(1.0, self.camera.depth(plane.point(plane.width / 2, min(3.0, plane.height / 2))))
        if size[0] * size[1] < 12:
            self._draw.polygon(shape, self._coloured(texture.mean, normal, distance))
            return
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in shape], 255)
        nearest = max(2.0, min(self.camera.depth(point) for point in outline))
        sharpest = texture.level(1.0)
        image = texture.level(sharpest.width / plane.width * nearest / self.camera.focal)
        warped = self._warp(image, plane, box)
        self.canvas.paste(self._lit(warped, normal, distance), box, mask)
        if self.glow is not None:
            self.glow.paste(self._warp(shine(), plane, box) if shine is not None else BLACK, box, mask)

    def _cutout(self, shape: list[Pixel]) -> tuple[int, int, int, int]:
        columns, rows = [pixel[0] for pixel in shape], [pixel[1] for pixel in shape]
        left, right = max(0, math.floor(min(columns))), min(self.camera.width, math.ceil(max(columns)) + 1)
        top, bottom = max(0, math.floor(min(rows))), min(self.camera.height, math.ceil(max(rows)) + 1)
        return left, top, right, bottom

    def _warp(self, image: Image.Image, plane: Plane, box: tuple[int, int, int, int]) -> Image.Image:
        numbers = texture_coefficients(self.camera, plane, texture_size=image.size, corner=box[:2])
        size = (box[2] - box[0], box[3] - box[1])
        return image.transform(size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BILINEAR)

    def _lit(self, image: Image.Image, normal: Point, distance: float) -> Image.Image:
        """The image under this light, with fog before it: one matrix for both."""
        share = self.light.fade(distance)
        (red, green, blue), fog = (factor * (1 - share) for factor in self.light.shade(normal)), self.light.fog
        rows = (red, 0, 0, fog[0] * share, 0, green, 0, fog[1] * share, 0, 0, blue, fog[2] * share)
        return image.convert("RGB", rows)

    def sprite(self, picture: Image.Image, *, foot: Point, height: float) -> None:
        """An RGBA picture that stands upright at `foot`, `height` metres high, and always faces the camera."""
        depth = self.camera.depth(foot)
        if depth < 2.0:
            return
        (column, row), *_ = self.camera.project([foot])
        tall = height * self.camera.focal / depth
        size = (max(1, round(tall * picture.width / picture.height)), max(1, round(tall)))
        corner = (round(column - size[0] / 2), round(row) - size[1])
        if corner[0] >= self.camera.width or corner[0] + size[0] <= 0 or corner[1] >= self.camera.height:
            return
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        alpha = small.getchannel("A")
        lit = self._lit(small.convert("RGB"), (0.0, 0.7, -0.5), depth)
        self.canvas.paste(lit, corner, alpha)
        if self.glow is not None:
            self.glow.paste(BLACK, corner, alpha)
