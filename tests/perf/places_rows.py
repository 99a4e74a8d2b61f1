"""What is measured about places at the size of GSV-Cities: selecting, opening, looking up, and memory of a worker.

The baselines do what the reference does at the start of every epoch and for every item (FIELD 1.1): read all CSVs,
shuffle, concatenate, count, index; then `.loc` by place, `sample`, and a file name built from each row.
"""

import functools
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.catalog.schema import COLUMNS
from gsv_pipeline.places.arrays import save_arrays
from gsv_pipeline.places.dataset import Places, load_places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.places.select import PLACES_FILE, select_places
from gsv_pipeline.sources.published import DATAFRAMES
from tests.perf.full_size import full_size_rows, write_full_size
from tests.perf.measure import Row, in_turn
from tests.published import place_key

IMAGES_PER_PLACE: Final = 4
LIMIT_S: Final = 1.0
LIMIT_MB: Final = 15.0
_AS_PUBLISHED: Final = ("year", "month", "northdeg", "lat", "lon", "panoid")
_EVERY_CLAUSE: Final[dict[str, Any]] = {
    "exclude_cities": ("Oslo",),
    "latitude": (-60.0, 80.0),
    "longitude": (175.0, 172.0),
    "hemisphere": None,  # would halve the rows for the clauses after it
    "years": (2000, 2030),
    "months": tuple(range(1, 13)),
    "season": ("winter", "spring", "summer", "autumn"),
    "bearing": (0.0, 360.0),
    "max_distance_m": 100.0,
    "max_images_per_place": 8,
    "min_images_per_place": 4,
    "min_separation_m": 50.0,
    "sample_places": 50_000,
}


def filter_places() -> Row:
    """Every clause of a filter over 530,000 rows, each leaving nearly all of them to the next, and labels."""
    catalog = full_size_catalog()
    plain, ours = in_turn(
        lambda: select_places(catalog, min_images_per_place=4),
        lambda: select_places(catalog, **_EVERY_CLAUSE),
        rounds=3,
    )
    note = f"limit {LIMIT_S:g} s; every clause, 530,000 rows; {plain:.2f} s with the default filter"
    return Row("filter", LIMIT_S, ours, "s", 1.0, note)


def open_places() -> Row:
    """The start of training: arrays opened against 23 CSVs read, shuffled, concatenated, counted and indexed."""
    with _on_disk() as folder, tempfile.TemporaryDirectory() as csvs:
        write_full_size(Path(csvs), images=False)
        baseline, ours = in_turn(
            lambda: _reference_frame(Path(csvs)),
            lambda: load_places(folder / PLACES_FILE, image_root=folder),
            rounds=3,
        )
    return Row("open_places", baseline * 1000, ours * 1000, "ms", 20.0, "23 CSVs to an indexed frame, 530,000 rows")


def look_places_up() -> Row:
    """K = 4 images of a place and their paths: arrays against pandas."""
    with _on_disk() as folder, tempfile.TemporaryDirectory() as csvs:
        write_full_size(Path(csvs), images=False)
        frame = _reference_frame(Path(csvs))
        places = load_places(folder / PLACES_FILE, image_root=folder)
        sample = np.random.default_rng(0).choice(pd.unique(frame.index), 200, replace=False)
        baseline, ours = in_turn(
            lambda: [_reference_item(frame, place) for place in sample], lambda: _epoch(places), rounds=3
        )
    per_place = baseline / len(sample) * 1e6, ours / places.num_places * 1e6
    return Row("place_lookup", *per_place, "us", 35.0, "frame.loc[place].sample(4) and four names, 530,000 rows")


def worker_memory() -> Row:
    """What a forked worker owns more after an epoch in which it drew every place and made every path.

    It is forked by a fresh process, as a training is: one that measured other rows before has holes in its memory, and
    what the worker writes into them is counted as its own.
    """
    fresh = multiprocessing.get_context("spawn")
    with _on_disk() as folder, ProcessPoolExecutor(1, mp_context=fresh) as trainer:
        grown = trainer.submit(_growth_of_worker, folder).result()
    return Row("worker_memory", LIMIT_MB, max(grown, 0.01), "MB", 1.0, "limit 15 MB in an epoch; unique set size")


def _growth_of_worker(folder: Path) -> float:
    context = multiprocessing.get_context("fork")
    places = load_places(folder / PLACES_FILE, image_root=folder)
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=_report_growth, args=(places, there))
    worker.start()
    there.close()
    grown: float = here.recv()
    worker.join()
    return grown


@functools.cache
def full_size_catalog() -> pd.DataFrame:
    """The catalog of the full-size set: 530,000 rows in 23 cities and 62,500 places."""
    cities = []
    for rows in full_size_rows():
        table = pd.DataFrame({name: getattr(rows, name) for name in _AS_PUBLISHED}).assign(
            city=rows.name, width=400, height=300, bytes=40_000
        )
        table["image_id"] = [f"Images/{rows.name}/{name}" for name in rows.names()]
        table["place_id"] = [place_key(rows.name, place) for place in rows.place]
        cities.append(table)
    catalog = pd.concat(cities, ignore_index=True)
    catalog = catalog.assign(bearing=catalog["northdeg"] % 360, content=catalog["panoid"].str[:16])
    catalog = catalog[[column.name for column in COLUMNS]].astype({column.name: column.dtype for column in COLUMNS})
    return catalog.sort_values(["place_id", "image_id"], ignore_index=True)


@contextmanager
def _on_disk() -> Iterator[Path]:
    """A folder with the arrays of all places."""
    with tempfile.TemporaryDirectory() as folder:
        table, _ = select_places(full_size_catalog(), min_images_per_place=4)
        save_arrays(Path(folder), table)
        yield Path(folder)


def _reference_frame(folder: Path) -> pd.DataFrame:
    frames = []
    for number, path in enumerate(sorted((folder / DATAFRAMES).glob("*.csv"))):
        frame = pd.read_csv(path)
        frame["place_id"] += number * 10**5
        frames.append(frame.sample(frac=1, random_state=number))
    together = pd.concat(frames, ignore_index=True)
    enough = together.groupby("place_id")["place_id"].transform("size") >= IMAGES_PER_PLACE
    return together[enough].set_index("place_id")


def _reference_item(frame: pd.DataFrame, place: int) -> list[str]:
    drawn = frame.loc[place].sample(n=IMAGES_PER_PLACE)
    return [f"Images/{row['city_id']}/{_reference_name(place, row)}" for _, row in drawn.iterrows()]


def _reference_name(place: int, row: Any) -> str:
    city, date = row["city_id"], f"{row['year']:04d}_{row['month']:02d}_{row['northdeg']:03d}"
    return f"{city}_{place % 10**5:07d}_{date}_{row['lat']}_{row['lon']}_{row['panoid']}.JPG"


def _epoch(places: Places) -> int:
    """Draw every place once and make the path of every image drawn."""
    sampler = PlaceSampler(places, places_per_batch=100, images_per_place=IMAGES_PER_PLACE, sampling="all_cities")
    return sum(len(str(places.paths[row])) for batch in sampler.epoch(0) for row in batch.rows)


def _report_growth(places: Places, answer: Connection) -> None:
    before = _own_megabytes()
    _epoch(places)
    answer.send(_own_megabytes() - before)


def _own_megabytes() -> float:
    """Memory that this process shares with no other, as the kernel counts it."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024
