"""How long a query waits for its answer from an index."""

import statistics
import time
from pathlib import Path
from typing import Final

from gsv_pipeline.embeddings.store import load_descriptors
from gsv_pipeline.evaluation import DEPTH

ROUNDS: Final = 5
LIMIT_S: Final = 2.0
"""A database that is searched slowly need not be searched five times."""


def search_ms(folder: Path, queries: Path) -> float:
    """Milliseconds until FAISS has the nearest of one query, in the median of a few; the first warms up.

    Args:
        folder: Of the index.
        queries: The file of their descriptors.

    Raises:
        DataError: One of the two is missing or damaged.
    """
    from gsv_pipeline.index.files import read_stored
    from gsv_pipeline.index.flat import search

    index, descriptors = read_stored(folder).index, load_descriptors(queries)
    seconds: list[float] = []
    for number in range(ROUNDS + 1):
        started = time.perf_counter()
        search(index, descriptors[number % len(descriptors)][None], DEPTH)
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > LIMIT_S:
            break
    return 1000 * statistics.median(seconds[1:] or seconds)


def search_words(folder: Path, queries: Path, *, images: int) -> dict[str, str]:
    """What -> value, as the report says it; `images` are in the database, the rest is as in `search_ms`."""
    return {
        "Searching for it": f"{search_ms(folder, queries):.2g} ms, exactly, among {images:,} images on the processor"
    }
