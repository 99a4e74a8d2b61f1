"""A render process: reads the names of places on its standard input, writes one line per finished place.

It is started as `python -m gsv_pipeline.sources.demo.worker` instead of through multiprocessing: a fork would copy the
threads of torch, a spawn would import the caller's main module with all of Dagster. It ends when its input ends, so it
never outlives its parent.
"""

import json
import os
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from gsv_pipeline.sources.demo.plan import City, Place, Sizes, plan_cities
from gsv_pipeline.sources.demo.render import render_shot
from gsv_pipeline.sources.demo.street import build_scene

JPEG_QUALITY = 88


@lru_cache(maxsize=2)
def planned(sizes: Sizes, seed: int) -> dict[str, City]:
    """The cities by name; planned once per process."""
    return {city.name: city for city in plan_cities(sizes, seed)}


def render_place(target: Path, city: str, place: Place, *, sizes: Sizes, seed: int) -> int:
    """Writes the photographs of a place below `target`, with their own dates, and returns their number."""
    scene = build_scene(seed, city, place)
    folder = target / "Images" / city
    for shot in place.shots:
        path = folder / shot.file_name(city)
        photo = render_shot(scene, shot, bearing=place.bearing, size=(sizes.width, sizes.height))
        photo.save(path, format="JPEG", quality=JPEG_QUALITY)
        taken = shot.moment.timestamp()
        os.utime(path, (taken, taken))
    return len(place.shots)


def serve(requests: TextIO, replies: TextIO) -> None:
    """Renders places until the input ends.

    Args:
        requests: One line of JSON with `target`, `seed` and `sizes`, then one line `["city", place_id]` per place.
        replies: A line per place: `{"images": 8}`. Nothing follows `{"unwritable": "<why>"}` or `{"error": "<trace>"}`.
    """
    try:
        setting: dict[str, Any] = json.loads(requests.readline())
        sizes, seed, target = Sizes(**setting["sizes"]), int(setting["seed"]), Path(setting["target"])
        cities = planned(sizes, seed)
        for line in requests:
            city, number = json.loads(line)
            images = render_place(target, city, cities[city].places[number], sizes=sizes, seed=seed)
            _reply(replies, images=images)
    except BrokenPipeError:
        return  # nobody is left to answer to
    except OSError as error:
        _reply(replies, unwritable=str(error))
    except Exception:  # noqa: BLE001 - whatever it is, the parent raises it with the traceback
        _reply(replies, error=traceback.format_exc())


def _reply(replies: TextIO, **content: str | int) -> None:
    replies.write(json.dumps(content) + "\n")
    replies.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
