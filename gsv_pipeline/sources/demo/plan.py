"""Who is photographed where and when: cities, streets, places and shots. Arithmetic only, no pixels."""

import base64
import hashlib
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.sources.demo import QUERIES_FROM_YEAR, TEST_CITY, TRAINING_CITIES, VALIDATION_CITY
from gsv_pipeline.sources.demo.cities import ORIGINS, TRAINING
from gsv_pipeline.sources.demo.weather import Conditions, draw_conditions

FIRST_YEAR: Final = 2008
LAST_YEAR: Final = 2023
_LAST_DATABASE_YEAR: Final = QUERIES_FROM_YEAR - 2  # a year's gap, so that database and queries never share a season

_METRES_PER_DEGREE: Final = 6_371_008.8 * math.pi / 180
_SEPARATION_M: Final = 125.0
"""Between the centres of two places, so that no two of their images come closer than 100 m."""

_DATABASE_IMAGES: Final = 3
_LARGEST: Final = 100_000  # far more than anyone renders; beyond it memory ends before the message could
_SMALLEST: Final = {
    "cities": 1,
    "places": 1,
    "images": 1,
    "validation_queries": 0,
    "test_queries": 0,
    "width": 32,
    "height": 32,
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is rendered.

    Args:
        cities: Training cities, 1 to 40; those beyond the third lie in both hemispheres.
        places, images: Places per training city and images per place.
        validation_queries, test_queries: Queries of the two benchmark cities; their places and database follow from
            them. With 0 the city is left out.
        width, height: Pixels.

    Raises:
        ConfigError: One of them is no whole number, or out of range.
    """

    cities: int = len(TRAINING_CITIES)
    places: int = 80
    images: int = 8
    validation_queries: int = 150
    test_queries: int = 250
    width: int = 240
    height: int = 180

    def __post_init__(self) -> None:
        for name, least in _SMALLEST.items():
            most = len(TRAINING) if name == "cities" else _LARGEST
            check_whole(name, getattr(self, name), least=least, most=most)


def check_whole(name: str, value: object, *, least: int, most: float = math.inf) -> None:
    """Refuse an argument of the source that is no whole number in its range.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        expected = f"of at least {least}" if math.isinf(most) else f"from {least} to {most}"
        raise ConfigError(f"source 'demo': {name} is {value!r}, expected a whole number {expected}.")


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the camera stands within its place and where it looks.

    Args:
        along, across: Metres from the place's centre, along the street and to its right.
        yaw, pitch: Degrees to the right of the street's axis, and upwards.
        field_of_view: Horizontal, degrees.
        height: Metres above the road.
    """

    along: float
    across: float
    yaw: float
    pitch: float
    field_of_view: float
    height: float


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph: a row of the city's table and what is needed to render it."""

    place_id: int
    moment: datetime
    northdeg: int
    lat: float
    lon: float
    panoid: str
    conditions: Conditions
    pose: Pose

    def file_name(self, city: str) -> str:
        """The published form of an image's name."""
        when = f"{self.moment.year}_{self.moment.month:02d}"
        return f"{city}_{self.place_id:07d}_{when}_{self.northdeg:03d}_{self.lat}_{self.lon}_{self.panoid}.JPG"


@dataclass(frozen=True, slots=True)
class Place:
    """A spot on a street.

    Args:
        place_id: Number within the city.
        street: Number of the street within the city; its places share style and road.
        position: How many places come before it on the street.
        bearing: Of the street, degrees clockwise from north.
        east, north: Metres from the city's origin.
        shots: Its photographs, in order of time.
    """

    place_id: int
    street: int
    position: int
    bearing: float
    east: float
    north: float
    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True)
class City:
    """A city and its places."""

    name: str
    places: tuple[Place, ...]

    @property
    def num_images(self) -> int:
        """Photographs of all places."""
        return sum(len(place.shots) for place in self.places)


def plan_cities(sizes: Sizes, seed: int) -> tuple[City, ...]:
    """The training cities, then those of the two benchmarks; one without queries is left out."""
    counts = {name: [(sizes.images, 0)] * sizes.places for name in TRAINING[: sizes.cities]}
    counts[VALIDATION_CITY] = benchmark_places(sizes.validation_queries, per_place=2.0)
    counts[TEST_CITY] = benchmark_places(sizes.test_queries, per_place=2.5)
    return tuple(plan_city(name, places, seed=seed) for name, places in counts.items() if places)


def benchmark_places(queries: int, *, per_place: float) -> list[tuple[int, int]]:
    """Database images and queries of each place of a benchmark city; a quarter of the places are distractors."""
    seen = math.ceil(queries / per_place)
    shares = [queries * (place + 1) // seen - queries * place // seen for place in range(seen)]
    return [(_DATABASE_IMAGES, share) for share in shares] + [(_DATABASE_IMAGES, 0)] * math.ceil(seen / 3)


def plan_city(name: str, counts: list[tuple[int, int]], *, seed: int) -> City:
    """A city whose places have these numbers of images.

    Args:
        name: One of the invented names.
        counts: For each place, its early images (all images in a training city) and its queries.
        seed: Of the whole data set.
    """
    rng = random.Random(f"{seed}/{name}")
    spots = _lay_out_streets(len(counts), rng)
    rng.shuffle(counts := list(counts))
    benchmark = name in (VALIDATION_CITY, TEST_CITY)
    places = []
    for number, ((street, position, bearing, east, north), (early, late)) in enumerate(zip(spots, counts, strict=True)):
        last = _LAST_DATABASE_YEAR if benchmark else LAST_YEAR
        years = [rng.randint(FIRST_YEAR, last) for _ in range(early)] + [
            rng.randint(QUERIES_FROM_YEAR, LAST_YEAR) for _ in range(late)
        ]
        shots = _plan_shots(name, number, years, seed=seed, bearing=bearing, east=east, north=north)
        places.append(Place(number, street, position, bearing, east, north, shots))
    return City(name, tuple(places))


def _lay_out_streets(count: int, rng: random.Random) -> list[tuple[int, int, float, float, float]]:
    """Streets thrown at random until `count` places lie on them: street, position, bearing, metres east and north."""
    spots: list[tuple[int, int, float, float, float]] = []
    reach, street = 160.0 * math.sqrt(count) + 300.0, 0
    while len(spots) < count:
        bearing, east, north = rng.uniform(0, 360), rng.uniform(-reach, reach), rng.uniform(-reach, reach)
        gap = rng.uniform(_SEPARATION_M + 1, _SEPARATION_M + 30)
        run = []
        for position in range(min(rng.randint(4, 8), count - len(spots))):
            along = position * gap
            run.append(
                (
                    street,
                    position,
                    bearing,
                    east + along * math.sin(math.radians(bearing)),
                    north + along * math.cos(math.radians(bearing)),
                )
            )
        if all(math.hypot(one[3] - two[3], one[4] - two[4]) >= _SEPARATION_M for one in run for two in spots):
            spots += run
            street += 1
    return spots


def _plan_shots(
    city: str, place: int, years: list[int], *, seed: int, bearing: float, east: float, north: float
) -> tuple[Shot, ...]:
    rng = random.Random(f"{seed}/{city}/{place}")
    look = rng.choice((-1, 1)) * rng.uniform(4, 24)
    shots = []
    for number, year in enumerate(years):
        conditions = draw_conditions(rng)
        pose = _draw_pose(rng, look)
        lat, lon = _coordinates(city, bearing, east, north, pose)
        digest = hashlib.sha256(f"{seed}/{city}/{place}/{number}".encode()).digest()[:16]
        panoid = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        hour = {"day": 12, "golden": 18, "night": 22}[conditions.hour]
        moment = datetime(year, conditions.month, rng.randint(1, 28), hour, rng.randrange(60), tzinfo=UTC)
        shots.append(Shot(place, moment, round(bearing + pose.yaw) % 360, lat, lon, panoid, conditions, pose))
    return tuple(sorted(shots, key=lambda shot: (shot.moment, shot.panoid)))


def _draw_pose(rng: random.Random, look: float) -> Pose:
    # Less turning, and grey thumbnails find a third of the places; more, and a small net needs longer to learn.
    return Pose(
        along=rng.uniform(-3, 3),
        across=max(-1.6, min(1.6, rng.gauss(0, 0.7))),
        yaw=look + rng.uniform(-8.5, 8.5),
        pitch=rng.uniform(-2.5, 2.5) + 3.0,
        field_of_view=rng.uniform(73, 85),
        height=rng.uniform(2.2, 2.6),
    )


def _coordinates(city: str, bearing: float, east: float, north: float, pose: Pose) -> tuple[float, float]:
    angle = math.radians(bearing)
    east += pose.along * math.sin(angle) + pose.across * math.cos(angle)
    north += pose.along * math.cos(angle) - pose.across * math.sin(angle)
    lat, lon = ORIGINS[city]
    lon += east / (_METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lat + north / _METRES_PER_DEGREE, 7), round(lon, 7)
