"""Rows of the benchmark table about catalogs and validation, at the size of GSV-Cities."""

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from tests.perf.full_size import NUM_IMAGES, place_centres, rendered_jpegs, write_full_size
from tests.perf.measure import Row, in_turn

REPOSITORY: Final = Path(__file__).parents[2]
BENCH: Final = REPOSITORY / "build" / "bench"
_COMMAND: Final = Path(sys.executable).parent / "gsv-pipeline"
_NUM_QUICK: Final = 5_000

_METER: Final = """
import json, os, subprocess, sys, time
started = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
said = child.stderr.read()
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps({"seconds": time.perf_counter() - started, "cpu": usage.ru_utime + usage.ru_stime,
                  "peak_mb": usage.ru_maxrss / 1024, "status": os.waitstatus_to_exitcode(status),
                  "said": said.decode()[-2000:]}))
"""
"""Runs in a small process of its own: Linux counts the memory of the process that starts a command as the command's."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a command, its start and its imports included."""

    seconds: float
    cpu: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.cpu:.1f} s of CPU, peak {self.peak_mb:.0f} MB"


def first_catalog() -> Row:
    """530,000 rows from CSVs and directory listings."""
    cost = _first_build()
    return Row("catalog", 15.0, cost.seconds, "s", 1.0, f"limit 15 s on two cores; {cost}")


def catalog_memory() -> Row:
    """Peak of the same command."""
    return Row("catalog_memory", 1000.0, _first_build().peak_mb, "MB", 1.0, "limit 1 GB, child process")


def catalog_again() -> Row:
    """The same command with nothing changed."""
    _first_build()
    cost = _catalog()
    return Row("catalog_again", 3.0, cost.seconds, "s", 1.0, f"limit 3 s; {cost}")


def full_validation() -> Row:
    """Every byte read and hashed and every pixel decoded, against Pillow that only decodes, in equal pools."""
    from gsv_pipeline.catalog.decode import full_look
    from gsv_pipeline.catalog.headers import look_all
    from gsv_pipeline.tracking import NullTracker

    paths = [str(path) for path in rendered_jpegs(BENCH / "jpegs")]

    def run(look: Callable[[str], object]) -> Callable[[], object]:
        return lambda: look_all(paths, look=look, tracker=NullTracker(), description="")  # type: ignore[arg-type]

    baseline, ours = in_turn(run(_bare_pillow), run(full_look), rounds=3)
    note = f"bare Pillow; {len(paths) / baseline:.0f} and {len(paths) / ours:.0f} images/s of {len(paths)} files"
    return Row("full_validation", *(1e6 * seconds / len(paths) for seconds in (baseline, ours)), "us", 0.85, note)


def quick_validation() -> Row:
    """Header, end and token of an image, one after the other, against Pillow that only opens it."""
    from gsv_pipeline.catalog.headers import quick_look

    paths = [str(path) for path in rendered_jpegs(BENCH / "jpegs")[:_NUM_QUICK]]
    baseline, ours = in_turn(lambda: [_header(path) for path in paths], lambda: [quick_look(path) for path in paths])
    per_image = (1e6 * seconds / len(paths) for seconds in (baseline, ours))
    return Row("quick_validation", *per_image, "us", 0.5, "Pillow's Image.open; ours reads the end and hashes too")


def place_separation() -> Row:
    """Pairs of 62,500 places less than 100 m apart."""
    from gsv_pipeline.catalog.separation import close_pairs

    centres = place_centres()
    counts: list[int] = []
    _, ours = in_turn(lambda: None, lambda: counts.append(close_pairs(centres).count))
    assert counts[0] == 0, "the synthetic places are 100 m apart by construction"
    return Row("place_separation", 2.0, ours, "s", 1.0, f"limit 2 s; {len(centres)} places over the whole globe")


CATALOG_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "catalog": first_catalog,
    "catalog_memory": catalog_memory,
    "catalog_again": catalog_again,
    "full_validation": full_validation,
    "quick_validation": quick_validation,
    "place_separation": place_separation,
}


@functools.cache
def _first_build() -> _Cost:
    """Fetch and catalog into an empty data root."""
    full_size = BENCH / "full_size"
    write_full_size(full_size, images=True)
    shutil.rmtree(_data_root(), ignore_errors=True)
    _measured("fetch", "gsv_cities", "--source", "folder", f"path={full_size}")
    return _catalog()


def _catalog() -> _Cost:
    cost = _measured("catalog", "gsv_cities", "--look", "names")
    rows = json.loads((_data_root() / "catalog" / "gsv_cities" / "manifest.json").read_text())["metadata"]["images"]
    assert rows == NUM_IMAGES, f"{rows} of {NUM_IMAGES} rows are in the catalog"
    return cost


def _data_root() -> Path:
    return BENCH / "catalog_root"


def _measured(*arguments: str) -> _Cost:
    command = [str(_COMMAND), "--data-root", str(_data_root()), *arguments]
    meter = subprocess.run([sys.executable, "-c", _METER, *command], check=True, capture_output=True, text=True)
    found = json.loads(meter.stdout)
    if found["status"]:
        raise RuntimeError(f"{' '.join(command)} exited with {found['status']}: {found['said']}")
    return _Cost(found["seconds"], found["cpu"], found["peak_mb"])


def _bare_pillow(path: str) -> None:
    with Image.open(path) as image:
        image.load()


def _header(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
