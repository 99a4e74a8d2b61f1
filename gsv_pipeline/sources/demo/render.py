"""One photograph: sky, distance, ground, houses, whatever stands and moves in the street, then the development."""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from PIL import Image, ImageDraw

from gsv_pipeline.sources.demo.buildings import SNOW
from gsv_pipeline.sources.demo.develop import add_precipitation, develop, draw_film, light_up
from gsv_pipeline.sources.demo.fittings import paint_fitting
from gsv_pipeline.sources.demo.front_fittings import paint_front_fittings
from gsv_pipeline.sources.demo.geometry import Camera
from gsv_pipeline.sources.demo.painter import Painter, Texture
from gsv_pipeline.sources.demo.people import draw_person, paint_person
from gsv_pipeline.sources.demo.plan import Pose, Shot
from gsv_pipeline.sources.demo.shadows import paint_ground_shadows, paint_light_pools, paint_wall_shadows
from gsv_pipeline.sources.demo.sky import paint_distance, paint_sky
from gsv_pipeline.sources.demo.street import Scene, StandingTree
from gsv_pipeline.sources.demo.traffic import draw_vehicle, paint_vehicle
from gsv_pipeline.sources.demo.trees import tree
from gsv_pipeline.sources.demo.walls import paint_building, paint_closing_front
from gsv_pipeline.sources.demo.weather import make_light

SUPERSAMPLING: Final = 2
"""Pixels that are painted for one of the photograph, each way."""

_RIPPLES: Final = 4
"""How much coarser the reflection on a wet road is than what it reflects."""


def render_shot(scene: Scene, shot: Shot, *, bearing: float, size: tuple[int, int]) -> Image.Image:
    """The photograph that `shot` describes, RGB.

    Args:
        scene: What the place looks like.
        shot: When and how it is photographed.
        bearing: Of the street's axis, degrees clockwise from north.
        size: Width and height in pixels.
    """
    rng = random.Random(shot.panoid)
    light = make_light(shot.conditions, bearing=bearing, rng=rng)
    camera = make_camera(shot.pose, (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    canvas = paint_sky(camera, light, rng)
    painter = Painter(camera, light, canvas)
    _paint_ground(painter, scene)
    paint_distance(painter, closing=scene.common.closing, length=scene.length, seed=scene.skyline)
    _paint_street(painter, scene, shot, rng)
    if painter.glow is not None:
        canvas = light_up(canvas, painter.glow, sky_rows=camera.horizon)
    photo = canvas.reduce(SUPERSAMPLING)
    add_precipitation(photo, light, rng)
    return develop(photo, draw_film(rng, shot.conditions), seed=rng.randrange(1 << 30))


def _paint_street(painter: Painter, scene: Scene, shot: Shot, rng: random.Random) -> None:
    """Shadows, reflections, houses and whatever stands before them."""
    light, lamps = painter.light, rng.randrange(1 << 30)
    if light.is_sunny:
        paint_ground_shadows(painter, scene.buildings)
    if light.wet:
        _paint_reflection(painter, scene, shot.pose, lamps)
    paint_light_pools(painter, [fitting for fitting in scene.fittings if fitting.kind == scene.common.lamp])
    _paint_buildings(painter, scene, lamps)
    if light.is_sunny:
        paint_wall_shadows(painter, scene.buildings)
    for _, paint in sorted(_things(painter, scene, shot, rng), key=lambda thing: -thing[0]):
        paint()


def make_camera(pose: Pose, size: tuple[int, int], *, mirrored: bool = False) -> Camera:
    """The camera of a pose."""
    return Camera(
        (pose.across, pose.height, pose.along),
        yaw=pose.yaw,
        pitch=pose.pitch,
        field_of_view=pose.field_of_view,
        width=size[0],
        height=size[1],
        mirrored=mirrored,
    )


def _paint_ground(painter: Painter, scene: Scene) -> None:
    far, near = 900.0, painter.camera.position[2] + 1.0
    beyond = SNOW if painter.light.snow else scene.common.road.asphalt
    painter.polygon([(-far, 0.0, near), (far, 0.0, near), (far, 0.0, far), (-far, 0.0, far)], beyond)
    for plane, texture in scene.ground(snow=painter.light.snow):
        painter.textured(plane, partial(_same, texture), outline=plane.corners(), normal=(0.0, 1.0, 0.0))


def _same(texture: Texture) -> Texture:
    return texture


def _paint_buildings(painter: Painter, scene: Scene, lamps: int) -> None:
    for number, front in enumerate(scene.closing_fronts):
        paint_closing_front(painter, front, random.Random(lamps - number))
    for number, building in enumerate(scene.buildings):
        if building.end > painter.camera.position[2]:
            paint_building(painter, building, random.Random(lamps + number))


def _paint_reflection(painter: Painter, scene: Scene, pose: Pose, lamps: int) -> None:
    """What a wet road shows of the houses, blurred."""
    camera = painter.camera
    small = (camera.width // _RIPPLES, camera.height // _RIPPLES)
    canvas = Image.new("RGB", small, painter.light.horizon)
    mirror = Painter(make_camera(pose, small, mirrored=True), painter.light, canvas)
    _paint_buildings(mirror, scene, lamps)
    sharp = mirror.canvas.resize((camera.width, camera.height), Image.Resampling.BILINEAR)
    mask = Image.new("L", painter.canvas.size)
    wall = scene.common.road.wall
    shape = camera.project(
        [(-wall, 0.0, pose.along - 1), (wall, 0.0, pose.along - 1), (wall, 0.0, 150.0), (-wall, 0.0, 150.0)]
    )
    ImageDraw.Draw(mask).polygon(shape, 88)
    painter.canvas.paste(sharp, (0, 0), mask)
    if painter.glow is not None and mirror.glow is not None:
        shine = mirror.glow.resize((camera.width, camera.height), Image.Resampling.BILINEAR)
        painter.glow.paste(shine, (0, 0), mask)


def _things(painter: Painter, scene: Scene, shot: Shot, rng: random.Random) -> list[tuple[float, Callable[[], None]]]:
    """Everything in the street with its distance along it, in no order."""
    found: list[tuple[float, Callable[[], None]]] = []
    near = painter.camera.position[2]
    for building in scene.buildings:
        if building.end > near:
            found.append((building.end, partial(paint_front_fittings, painter, building)))
    found += [(fitting.along, partial(paint_fitting, painter, fitting)) for fitting in scene.fittings]
    for standing in scene.trees:
        found.append((standing.along, partial(_paint_tree, painter, standing, season=shot.conditions.season)))
    road = scene.common.road
    quiet = 0.5 if shot.conditions.hour == "night" else 1.0
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
        lane = rng.choice((-1, 1))
        parked = rng.random() < 0.45
        across = lane * (road.half - 1.1 if parked else road.half * 0.5)
        vehicle = draw_vehicle(
            rng, across=across, along=near + rng.uniform(6.5 if lane < 0 or parked else 9, 60), oncoming=lane < 0
        )
        found.append((vehicle.along, partial(paint_vehicle, painter, vehicle)))
    for _ in range(int(rng.choice((0, 1, 2, 2, 3, 5)) * quiet)):
        across = rng.choice((-1, 1)) * (road.half + rng.uniform(0.5, road.pavement - 0.4))
        person = draw_person(rng, across=across, along=near + rng.uniform(5, 38))
        found.append((person.along, partial(paint_person, painter, person)))
    return found


def _paint_tree(painter: Painter, standing: StandingTree, *, season: str) -> None:
    painter.sprite(
        tree(standing.kind, season, snow=painter.light.snow),
        foot=(standing.across, 0.0, standing.along),
        height=standing.height,
    )
