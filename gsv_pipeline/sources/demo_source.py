"""The `demo` source: renders its cities instead of fetching them."""

from pathlib import Path
from typing import Any, Final

from gsv_pipeline.sources.demo.dataset import render_demo
from gsv_pipeline.sources.demo.plan import Sizes, check_whole
from gsv_pipeline.tracking import Tracker

_USUAL: Final = Sizes()


def fetch(
    target: Path,
    *,
    tracker: Tracker,
    seed: int = 1,
    cities: int = _USUAL.cities,
    places: int = _USUAL.places,
    images: int = _USUAL.images,
    validation_queries: int = _USUAL.validation_queries,
    test_queries: int = _USUAL.test_queries,
    width: int = _USUAL.width,
    height: int = _USUAL.height,
) -> dict[str, Any]:
    """Render the demo cities into `target`.

    Args:
        target: Empty folder.
        tracker: Shows a bar.
        seed: The same seed gives the same bytes.
        cities: Training cities, 1 to 40; those beyond the third lie in both hemispheres.
        places: Places in each training city.
        images: Photographs of each training place.
        validation_queries: Queries of the validation city; its database grows with it. 0 leaves the city out.
        test_queries: Queries of the test city; 0 leaves it out.
        width: Pixels.
        height: Pixels.

    Raises:
        ConfigError: A number out of range.
    """
    check_whole("seed", seed, least=0)
    sizes = Sizes(
        cities=cities,
        places=places,
        images=images,
        validation_queries=validation_queries,
        test_queries=test_queries,
        width=width,
        height=height,
    )
    rendered = render_demo(target, sizes=sizes, seed=seed, tracker=tracker)
    return {"seed": seed, "cities": [city.name for city in rendered]}
