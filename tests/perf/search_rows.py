"""What is measured about retrieval: exact search, its memory, and counting recall, at the sizes of Pittsburgh.

The baselines do what the reference does (FIELD 1.7): descriptors into an IndexFlatL2, and a loop over queries and K.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import faiss
import numpy as np
import numpy.typing as npt

from tests.perf.measure import Row, in_turn

SIZE: Final = 4096
DEPTH: Final = 25
KS: Final = (1, 5, 10, 15, 20, 25)
PITTS30K: Final = (10_000, 6_816)
PITTS250K: Final = (83_952, 8_280)
IMAGES_PER_PLACE: Final = 8
BLOCK: Final = 4_000

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_CHILD: Final = """
import json, resource, sys
import faiss, numpy as np, torch
from gsv_pipeline.index.search import exact_search
way, mapped, folder = sys.argv[1:4]
def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1024
torch.mm(torch.ones(64, 64), torch.ones(64, 64))  # libraries make their own buffers at the first product
before = status("VmRSS")
mode = "r" if mapped == "mapped" else None
sides = [np.load(f"{folder}/{side}.npy", mmap_mode=mode) for side in ("database", "queries")]
if mapped == "loaded":
    before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
if way == "faiss":
    index = faiss.IndexFlatL2(sides[0].shape[1])
    index.add(sides[0])
    index.search(sides[1], 25)
else:
    exact_search(*sides, 25)
print(json.dumps(status("VmHWM") - before))
"""
"""Peak memory, above what the process has after its imports (mapped) or after loading its data (loaded)."""


def search_recall() -> Row:
    """Recall@K at the size of Pitts30k-test, end to end: index, search, count."""
    from gsv_pipeline.evaluation.recall import recall_at_k
    from gsv_pipeline.index.search import exact_search

    database, queries, positives = _benchmark(*PITTS30K)
    found: dict[str, list[float]] = {}

    def reference() -> None:
        index = faiss.IndexFlatL2(SIZE)
        index.add(database)
        found["reference"] = _loop(index.search(queries, DEPTH)[1], positives)

    def ours() -> None:
        predictions, _ = exact_search(database, queries, DEPTH)
        found["ours"] = list(recall_at_k(predictions, positives, KS).values())

    baseline, quick = in_turn(reference, ours, rounds=3)
    assert found["reference"] == found["ours"], found
    size = f"{PITTS30K[0]:,} × {PITTS30K[1]:,} of {SIZE}"
    note = f"IndexFlatL2 and a loop, {size}; equal recalls, R@1 {found['ours'][0]:.4f}"
    return Row("search_recall", baseline, quick, "s", 1.6, note)


def search_memory() -> Row:
    """What that search needs beside the descriptors."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), *PITTS30K)
        baseline, ours = (_peak(way, "loaded", folder) for way in ("faiss", "ours"))
    return Row("search_memory", baseline, ours, "MB", 5.0, "IndexFlatL2; goal 0.2x of it")


def search_large() -> Row:
    """Peak of a search at the size of Pitts250k-test; descriptors are mapped, and count as far as they are read."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), *PITTS250K)
        peak = _peak("ours", "mapped", folder)
    limit = 1.3 * PITTS250K[0] * SIZE * 4 / 2**20
    return Row("search_large", limit, peak, "MB", 1.0, "limit 1.3x the database, above the process after its imports")


def count_recall() -> Row:
    """Counting alone: 8,280 queries of 25 predictions, up to 360 positives."""
    from gsv_pipeline.evaluation.recall import recall_at_k

    generator = np.random.default_rng(0)
    rows = PITTS250K[0]
    positives = [np.unique(generator.integers(0, rows, count)) for count in generator.integers(1, 361, PITTS250K[1])]
    predictions = generator.integers(0, rows, (PITTS250K[1], DEPTH))
    for query in range(0, len(predictions), 2):
        predictions[query, generator.integers(0, DEPTH)] = positives[query][0]
    assert _loop(predictions, positives) == list(recall_at_k(predictions, positives, KS).values())
    baseline, ours = in_turn(
        lambda: _loop(predictions, positives), lambda: recall_at_k(predictions, positives, KS), rounds=3
    )
    return Row("recall", baseline * 1000, ours * 1000, "ms", 10.0, "loop over queries and K, as in the reference")


SEARCH_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "search_recall": search_recall,
    "search_memory": search_memory,
    "search_large": search_large,
    "recall": count_recall,
}


def _loop(predictions: Ints, positives: Sequence[Ints]) -> list[float]:
    hits = np.zeros(len(KS))
    for found, correct in zip(predictions, positives, strict=True):
        for position, k in enumerate(KS):
            if np.isin(found[:k], correct).any():
                hits[position:] += 1
                break
    return [float(value) for value in hits / len(predictions)]


def _benchmark(rows: int, queries: int) -> tuple[Float, Float, list[Ints]]:
    """Both sides in memory, and for each query the rows of its place."""
    database, wanted = np.empty((rows, SIZE), np.float32), np.empty((queries, SIZE), np.float32)
    places = rows // IMAGES_PER_PLACE
    of_query = np.random.default_rng(1).integers(0, places, queries)
    fill(database, np.arange(rows) % places, seed=2, spread=0.7)
    fill(wanted, of_query, seed=3, spread=14.0)
    return database, wanted, [np.arange(place, rows, places) for place in of_query]


def fill(out: Float, places: Ints, *, seed: int, spread: float) -> None:
    """Unit vectors around their place's, all of them on one side of the sphere, as descriptors are."""
    noise = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((int(places.max()) + 1, SIZE // 16), dtype=np.float32)
    for start in range(0, len(out), BLOCK):
        block = noise.standard_normal((len(out[start : start + BLOCK]), SIZE), dtype=np.float32) * spread
        block += np.tile(centres[places[start : start + BLOCK]], 16) + 1.0
        out[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)


def _write(folder: Path, rows: int, queries: int) -> None:
    for side, count, seed in (("database", rows, 2), ("queries", queries, 3)):
        out = np.lib.format.open_memmap(folder / f"{side}.npy", mode="w+", dtype=np.float32, shape=(count, SIZE))
        fill(out, np.arange(count) % (rows // IMAGES_PER_PLACE), seed=seed, spread=1.0)
        out.flush()


def _peak(way: str, mapped: str, folder: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, way, mapped, folder], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout))
