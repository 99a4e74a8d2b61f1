"""Writes the demo city in the published GSV-Cities layout: `Images/<City>/*.JPG` and `Dataframes/<City>.csv`."""

import csv
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.demo.crew import render_in_processes
from gsv_pipeline.sources.demo.plan import City, Sizes, plan_cities
from gsv_pipeline.sources.demo.worker import render_place
from gsv_pipeline.tracking import NullTracker, Tracker

COLUMNS = ("place_id", "year", "month", "northdeg", "city_id", "lat", "lon", "panoid")


def render_demo(
    target: Path,
    *,
    seed: int = 1,
    places: int = 80,
    images: int = 8,
    validation_queries: int = 150,
    test_queries: int = 250,
    width: int = 240,
    height: int = 180,
    workers: int | None = None,
    tracker: Tracker = NullTracker(),  # noqa: B008 - it has no state
) -> None:
    """Renders the embedded data set. The same arguments give the same bytes, whatever the number of workers.

    Args:
        target: Folder to write into; made if it does not exist.
        seed: Another seed is another world with the same names.
        places: Places per training city.
        images: Images per place of a training city.
        validation_queries: Queries of the validation city; its places and database follow from them.
        test_queries: Queries of the test city, likewise.
        width: Pixels of an image.
        height: Pixels of an image.
        workers: Render processes, by default one per core that this process may use. With 1, none is started.
        tracker: Shows progress.

    Raises:
        ConfigError: A size is below its smallest value.
        DataError: The folder cannot be written to, or the disk is full.
        RunError: A render process failed or was killed.
    """
    sizes = Sizes(places, images, validation_queries, test_queries, width, height)
    cities = plan_cities(sizes, seed)
    count = workers if workers is not None else num_cores()
    total = sum(city.num_images for city in cities)
    try:
        for city in cities:
            (target / "Images" / city.name).mkdir(parents=True, exist_ok=True)
            write_dataframe(target, city)
        rendered = _render(cities, target=target, sizes=sizes, seed=seed, workers=count)
        with closing(rendered), tracker.progress("Rendering the demo city", total=total) as bar:
            for done in rendered:
                bar.advance(done)
    except OSError as error:
        raise DataError(
            f"The demo city cannot be written to {target}: {error}. Expected a writable folder with room for "
            f"{total * width * height // 2_500_000 + 1} MB. Make room, or choose another folder."
        ) from error


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _render(cities: Sequence[City], *, target: Path, sizes: Sizes, seed: int, workers: int) -> Generator[int]:
    if workers > 1:
        tasks = [(city.name, place.place_id) for city in cities for place in city.places]
        yield from render_in_processes(tasks, target=target, sizes=sizes, seed=seed, workers=workers)
        return
    for city in cities:
        for place in city.places:
            yield render_place(target, city.name, place, sizes=sizes, seed=seed)


def write_dataframe(target: Path, city: City) -> None:
    """The city's table; `lat` and `lon` are written exactly as in the file names."""
    path = target / "Dataframes" / f"{city.name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    shots = [shot for place in city.places for shot in place.shots]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for shot in shots:
            when = (shot.moment.year, shot.moment.month)
            writer.writerow((shot.place_id, *when, shot.northdeg, city.name, str(shot.lat), str(shot.lon), shot.panoid))
    last = max(shot.moment for shot in shots).timestamp()
    os.utime(path, (last, last))
