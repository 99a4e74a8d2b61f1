"""The `demo` source: renders its cities instead of fetching them."""

from pathlib import Path
from typing import Any

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.sources.demo.dataset import render_demo
from gsv_pipeline.tracking import Tracker


def fetch(
    target: Path,
    *,
    tracker: Tracker,
    seed: int = 1,
    places: int = 80,
    images: int = 8,
    validation_queries: int = 150,
    test_queries: int = 250,
    width: int = 240,
    height: int = 180,
) -> dict[str, Any]:
    """Render the demo cities into `target`.

    Args:
        target: Empty folder.
        tracker: Shows a bar.
        seed: The same seed gives the same bytes.
        places: Places in each of the three training cities.
        images: Photographs of each training place.
        validation_queries: Queries of the validation city; its database grows with it.
        test_queries: Queries of the test city.
        width: Pixels.
        height: Pixels.

    Raises:
        ConfigError: A number out of range.
    """
    sizes = {"places": places, "images": images, "validation_queries": validation_queries, "test_queries": test_queries}
    for name, value in {**sizes, "width": width, "height": height}.items():
        if not isinstance(value, int) or value < 2:
            raise ConfigError(f"source 'demo': {name} is {value!r}, expected a whole number of at least 2.")
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"source 'demo': seed is {seed!r}, expected a whole number of at least 0.")
    render_demo(target, seed=seed, width=width, height=height, tracker=tracker, **sizes)
    return {"seed": seed}
