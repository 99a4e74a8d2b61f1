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
from gsv_pipeline.sources.published import COLUMNS, DATAFRAMES, IMAGES
from gsv_pipeline.tracking import NullTracker, Tracker


def render_demo(
    target: Path,
    *,
    sizes: Sizes = Sizes(),  # noqa: B008 - it is frozen
    seed: int = 1,
    workers: int | None = None,
    tracker: Tracker = NullTracker(),  # noqa: B008 - it has no state
) -> tuple[City, ...]:
    """Renders the embedded data set. The same arguments give the same bytes, whatever the number of workers.

    Args:
        target: Folder to write into; made if it does not exist.
        sizes: How many cities, places and images, and their pixels.
        seed: Another seed is another world with the same names.
        workers: Render processes, by default one per core that this process may use. With 1, none is started.
        tracker: Shows progress.

    Returns:
        What was rendered.

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
        RunError: A render process failed or was killed.
    """
    cities = plan_cities(sizes, seed)
    count = workers if workers is not None else num_cores()
    total = sum(city.num_images for city in cities)
    try:
        for city in cities:
            (target / IMAGES / city.name).mkdir(parents=True, exist_ok=True)
            write_dataframe(target, city)
        rendered = _render(cities, target=target, sizes=sizes, seed=seed, workers=count)
        with closing(rendered), tracker.progress("Rendering the demo city", total=total) as bar:
            for done in rendered:
                bar.advance(done)
    except OSError as error:
        raise DataError(
            f"The demo city cannot be written to {target}: {error}. Expected a writable folder with room for "
            f"{total * sizes.width * sizes.height // 2_500_000 + 1} MB. Make room, or choose another folder."
        ) from error
    return cities


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
    path = target / DATAFRAMES / f"{city.name}.csv"
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
