"""What making a benchmark costs: positives from coordinates at the size of Pitts250k."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from tests.perf.measure import Row

POSITIONS: Final = 3_500
QUERIES: Final = 345
CROPS: Final = 24
LIMIT_S: Final = 2.0


def find_positives() -> Row:
    """Positives within 25 m of 8,280 queries among 84,000 crops of panoramas, as they come in Pittsburgh."""
    from gsv_pipeline.benchmarks.plane import positives_in_plane

    generator = np.random.default_rng(0)
    places = np.round(generator.uniform((583_000, 4_475_000), (586_000, 4_477_500), (POSITIONS, 2)), 2)
    near = np.round(places[generator.integers(POSITIONS, size=QUERIES)] + generator.normal(0, 5, (QUERIES, 2)), 2)
    database, queries = np.repeat(places, CROPS, axis=0), np.repeat(near, CROPS, axis=0)
    started = time.perf_counter()
    positives = positives_in_plane(queries, database)
    seconds = time.perf_counter() - started
    assert min(map(len, positives)) >= CROPS
    return Row("positives", LIMIT_S, seconds, "s", 1.0, "limit 2 s for 84,000 × 8,280")


BENCHMARK_ROWS: Final[Mapping[str, Callable[[], Row]]] = {"positives": find_positives}
