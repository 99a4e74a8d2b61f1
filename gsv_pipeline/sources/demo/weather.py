"""Season, hour and weather of a photograph, and the light, sky and fog that they make."""

import math
import random
from dataclasses import dataclass
from typing import Final

from gsv_pipeline.sources.demo.geometry import Point
from gsv_pipeline.sources.demo.palettes import Colour, blended

Tint = tuple[float, float, float]

_SEASONS: Final = (
    "winter",
    "winter",
    "spring",
    "spring",
    "spring",
    "summer",
    "summer",
    "summer",
    "autumn",
    "autumn",
    "autumn",
    "winter",
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a photograph was taken in.

    Args:
        month: 1 to 12.
        hour: `day`, `golden` or `night`.
        weather: `clear`, `cloudy`, `overcast`, `fog`, `rain` or `snow`.
    """

    month: int
    hour: str
    weather: str

    @property
    def season(self) -> str:
        """`winter`, `spring`, `summer` or `autumn`."""
        return _SEASONS[self.month - 1]


def draw_conditions(rng: random.Random) -> Conditions:
    """Season, hour and weather with the shares that a collection of street photographs has."""
    month = rng.randint(1, 12)
    hour = rng.choices(("day", "golden", "night"), (0.72, 0.2, 0.08))[0]
    wet, misty = (0.06, 0.05) if hour == "night" else (0.13, 0.06)
    snowy = 0.4 if month in (12, 1, 2) else 0.0
    weather = rng.choices(("clear", "cloudy", "overcast", "fog", "rain", "snow"), (0.34, 0.25, 0.2, misty, wet, snowy))[
        0
    ]
    if hour == "golden" and weather in ("overcast", "rain", "fog"):
        hour = "day"
    return Conditions(month, hour, weather)


@dataclass(frozen=True, slots=True)
class Light:
    """Light in the frame of a place.

    Args:
        ambient, sun: RGB factors of the light from everywhere and from the sun.
        sun_direction: Unit vector towards the sun.
        zenith, horizon: Colours of the sky.
        cloud, cloud_shade: Colours of the clouds' lit and dark parts.
        cover: Share of the sky under clouds.
        fog: Colour of far things.
        density: How quickly they fade, 1/m.
        night, snow, wet: What else is different.
    """

    ambient: Tint
    sun: Tint
    sun_direction: Point
    zenith: Colour
    horizon: Colour
    cloud: Colour
    cloud_shade: Colour
    cover: float
    fog: Colour
    density: float
    night: bool
    snow: bool
    wet: bool

    def shade(self, normal: Point) -> Tint:
        """RGB factors of a surface with this unit normal."""
        facing = max(0.0, sum(one * two for one, two in zip(normal, self.sun_direction, strict=True)))
        sky = 0.82 + 0.18 * normal[1]
        red, green, blue = (ambient * sky + sun * facing for ambient, sun in zip(self.ambient, self.sun, strict=True))
        return red, green, blue

    def fade(self, distance: float) -> float:
        """Share of fog colour at `distance` metres."""
        return 1.0 - math.exp(-self.density * max(0.0, distance))

    @property
    def is_sunny(self) -> bool:
        """Whether things throw visible shadows."""
        return self.sun[0] > 0.3


_SKIES: Final[dict[str, tuple[Colour, Colour, Colour, Colour]]] = {
    "clear": ((72, 124, 196), (190, 214, 234), (252, 252, 250), (206, 212, 222)),
    "cloudy": ((110, 146, 190), (206, 216, 226), (246, 246, 246), (168, 176, 190)),
    "overcast": ((166, 172, 182), (206, 208, 212), (214, 216, 220), (158, 164, 174)),
    "fog": ((190, 194, 198), (204, 206, 208), (210, 212, 214), (192, 196, 200)),
    "rain": ((134, 142, 154), (178, 184, 192), (176, 182, 190), (122, 130, 142)),
    "snow": ((176, 182, 192), (214, 218, 224), (222, 226, 230), (176, 182, 192)),
    "golden": ((104, 128, 176), (250, 196, 132), (255, 214, 168), (176, 138, 146)),
    "night": ((16, 20, 40), (44, 46, 66), (50, 52, 70), (26, 28, 44)),
}
_COVER: Final = {"clear": 0.3, "cloudy": 0.6, "overcast": 0.95, "fog": 0.9, "rain": 1.0, "snow": 0.95}
_DENSITY: Final = {"clear": 0.0010, "cloudy": 0.0016, "overcast": 0.0024, "fog": 0.022, "rain": 0.006, "snow": 0.007}


def make_light(conditions: Conditions, *, bearing: float, rng: random.Random) -> Light:
    """The light of `conditions` over a street.

    Args:
        conditions: Season, hour and weather.
        bearing: Of the street's axis, degrees clockwise from north.
        rng: Decides the hour of the day and the density of the fog.
    """
    weather = conditions.weather
    hour = rng.choice((7.5, 18.5)) if conditions.hour == "golden" else rng.uniform(9.0, 16.0)
    elevation = math.radians(
        rng.uniform(9, 16) if conditions.hour == "golden" else rng.uniform(26, 52) - abs(hour - 12.5) * 2.0
    )
    azimuth = math.radians(180.0 + 15.0 * (hour - 12.5) - bearing)
    direction = (math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation))
    zenith, horizon, cloud, cloud_shade = _SKIES[conditions.hour if conditions.hour != "day" else weather]
    ambient, sun = _brightness(conditions)
    fog = blended(horizon, zenith, 0.15)
    return Light(
        ambient=ambient,
        sun=sun,
        sun_direction=direction,
        zenith=zenith,
        horizon=horizon,
        cloud=cloud,
        cloud_shade=cloud_shade,
        cover=_COVER[weather],
        fog=(120, 124, 140) if conditions.hour == "night" else fog,
        density=_DENSITY[weather] * rng.uniform(0.8, 1.25),
        night=conditions.hour == "night",
        snow=weather == "snow",
        wet=weather == "rain",
    )


def _brightness(conditions: Conditions) -> tuple[Tint, Tint]:
    if conditions.hour == "night":
        return (0.86, 0.88, 0.96), (0.0, 0.0, 0.0)
    if conditions.hour == "golden":
        return (0.66, 0.62, 0.64), (0.66, 0.46, 0.24)
    return {
        "clear": ((0.68, 0.72, 0.80), (0.58, 0.53, 0.45)),
        "cloudy": ((0.76, 0.79, 0.85), (0.36, 0.33, 0.28)),
        "overcast": ((0.88, 0.9, 0.94), (0.06, 0.06, 0.06)),
        "fog": ((0.9, 0.92, 0.94), (0.02, 0.02, 0.02)),
        "rain": ((0.8, 0.83, 0.89), (0.0, 0.0, 0.0)),
        "snow": ((0.92, 0.95, 1.0), (0.04, 0.04, 0.04)),
    }[conditions.weather]
