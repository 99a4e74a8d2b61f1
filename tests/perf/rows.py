"""What is measured: one function per row, in the order of the pipeline."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.perf.augmentation_rows import AUGMENTATION_ROWS
from tests.perf.benchmark_rows import BENCHMARK_ROWS
from tests.perf.catalog_rows import CATALOG_ROWS
from tests.perf.embedding_rows import EMBEDDING_ROWS
from tests.perf.epoch_rows import EPOCH_ROWS
from tests.perf.loader_rows import LOADER_ROWS
from tests.perf.loss_rows import LOSS_ROWS
from tests.perf.measure import Row, in_turn
from tests.perf.places_rows import filter_places, look_places_up, open_places, worker_memory
from tests.perf.report_rows import REPORT_ROWS
from tests.perf.search_rows import SEARCH_ROWS
from tests.perf.training_rows import TRAINING_ROWS

REPOSITORY: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent


def import_package() -> Row:
    """`import gsv_pipeline` in a fresh process, start of the interpreter taken off."""
    bare, ours = in_turn(lambda: _python("pass"), lambda: _python("import gsv_pipeline"), rounds=9)
    return Row("import", 300.0, max(ours - bare, 1e-4) * 1000, "ms", 1.0, "limit 0.3 s")


def load_definitions() -> Row:
    """`dagster definitions validate`."""
    seconds = _seconds([str(BIN / "dagster"), "definitions", "validate", "-w", "workspace.yaml"])
    return Row("definitions", 8.0, seconds, "s", 1.0, "limit 8 s")


def render_city() -> Row:
    """The whole default city, about 3,000 photographs, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds([str(BIN / "gsv-pipeline"), "--data-root", folder, "fetch", "demo"])
    return Row("render", 100.0, seconds, "s", 1.0, "limit 100 s on two cores")


def demo_again() -> Row:
    """A second `make demo` with nothing changed; needs a finished first one."""
    seconds = _seconds(["make", "--no-print-directory", "demo"])
    return Row("demo_again", 20.0, seconds, "s", 1.0, "limit 20 s; run make demo first")


ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "import": import_package,
    "definitions": load_definitions,
    "render": render_city,
    **CATALOG_ROWS,
    "filter": filter_places,
    "open_places": open_places,
    "place_lookup": look_places_up,
    "worker_memory": worker_memory,
    **LOADER_ROWS,
    **LOSS_ROWS,
    **AUGMENTATION_ROWS,
    **TRAINING_ROWS,
    **EPOCH_ROWS,
    **BENCHMARK_ROWS,
    **EMBEDDING_ROWS,
    **SEARCH_ROWS,
    **REPORT_ROWS,
    "demo_again": demo_again,
}


def measured(name: str) -> Row:
    """A row, in a process of its own: what the rows before it left in memory would slow it down or swell it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measure, name).result()


def _measure(name: str) -> Row:
    # A process that was spawned would spawn the workers of its loaders, each with an import of torch that the reference
    # does not pay for.
    multiprocessing.set_start_method("fork", force=True)
    return ROWS[name]()


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def _seconds(command: list[str]) -> float:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    started = time.perf_counter()
    subprocess.run(
        command, cwd=REPOSITORY, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started
