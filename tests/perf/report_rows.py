"""What a whole recall report costs at the size of Pitts30k-test, its descriptors being there: seconds and peak memory.

Everything that `gsv-pipeline evaluate` does, in a fresh process: search, recalls with their intervals, what the model
costs, where it looks, galleries, figures, page, Markdown, curves. The model is the reference's, ResNet50 with
Conv-AP, its weights random: what they are changes no cost. Descriptors are made up, in groups as places are.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from PIL import Image

from gsv_pipeline import compose, recipes, stages
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.embeddings.store import DATABASE_FILE, QUERIES_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import NullTracker
from tests.perf.measure import Row
from tests.perf.search_rows import IMAGES_PER_PLACE, PITTS30K, SIZE, fill

LIMIT_S: Final = 60.0
LIMIT_MB: Final = 2000.0
NAME: Final = "pitts30k_size"
PHOTOGRAPHS: Final = 300
BASELINE_SIZE: Final = 64
APART_M: Final = 60.0
"""Between places, in both directions: only a place's own images are within 25 m."""

_ROW: Final = 50  # places of a row of the grid

_BENCHMARK: Final = "database: {root}/database\nqueries: {root}/queries\nradius_m: 25\nredistributable: true\n"
_EXPERIMENT: Final = """
dataset: demo
image: {height: 320, width: 320}
model:
  backbone: {name: resnet50, weights: none}
  aggregator: {name: convap, out_channels: 1024, s1: 2, s2: 2}
"""

_CHILD: Final = """
import json, sys, time
started = time.perf_counter()
from pathlib import Path
from gsv_pipeline import stages
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
layout, name = Layout(Path(sys.argv[1])), sys.argv[2]
report = stages.evaluate(layout, load_experiment(layout, name, ()), name, tracker=NullTracker()).artifact
seconds, cpu = time.perf_counter() - started, time.process_time()
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
recall = json.loads((report / "recall.json").read_text())["recall_at"]["1"]
page = (report / "report.html").read_text()
print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak, "recall": recall, "strips": page.count("<article")}))
"""

Float = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of a process that writes a report, its imports included."""

    seconds: float
    cpu: float
    peak_mb: float
    recall: float
    strips: int


def report_time() -> Row:
    """Seconds until the report stands."""
    cost = _report()
    size = f"{PITTS30K[0]:,} × {PITTS30K[1]:,} of {SIZE}"
    shown = f"{cost.strips} strips of photographs"
    note = f"limit 60 s, {size}; {cost.cpu:.0f} s of CPU, imports too; R@1 {cost.recall:.3f}, {shown}"
    return Row("report_time", LIMIT_S, cost.seconds, "s", 1.0, note)


def report_memory() -> Row:
    """Peak of the same process."""
    return Row("report_memory", LIMIT_MB, _report().peak_mb, "MB", 1.0, "limit 2 GB, the whole process, files mapped")


REPORT_ROWS: Final[Mapping[str, Callable[[], Row]]] = {"report_time": report_time, "report_memory": report_memory}


@functools.cache
def _report() -> _Cost:
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "data")
        _prepare(layout, Path(folder))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(layout.root), NAME],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "WANDB_MODE": "disabled"},
        )
    return _Cost(**json.loads(done.stdout.splitlines()[-1]))


def _prepare(layout: Layout, folder: Path) -> None:
    """Every artifact that a report needs, fresh."""
    tracker = NullTracker()
    _write_sides(folder, _photographs(folder / "photographs"))
    for path in (layout.benchmarks(), layout.experiments()):
        path.mkdir(parents=True)
    (layout.benchmarks() / f"{NAME}.yaml").write_text(_BENCHMARK.format(root=folder), encoding="utf-8")
    weights = folder / "random.safetensors"
    text = f"{_EXPERIMENT}weights: {weights}\n"
    (layout.experiments() / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    weights.touch()
    experiment = load_experiment(layout, NAME, ())
    _save_random(experiment, weights)
    stages.build_benchmark(layout, NAME, tracker=tracker)
    stages.train(layout, experiment, tracker=tracker)
    _describe(layout, experiment)
    stages.build_index(layout, experiment, NAME, tracker=tracker)
    _score_baselines(layout, experiment)


def _save_random(experiment: Experiment, path: Path) -> None:
    from gsv_pipeline.models.checkpoint import save_checkpoint

    save_checkpoint(path, compose.build_model_of(experiment, seed=0, pretrained=False))


def _photographs(folder: Path) -> list[Path]:
    """JPEGs of 640x480, smooth as photographs are."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    paths = [folder / f"{number:03d}.jpg" for number in range(PHOTOGRAPHS)]
    for path in paths:
        small = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(path, quality=90)
    return paths


def _write_sides(folder: Path, photographs: list[Path]) -> None:
    """Both sides as links to the photographs, under names that say where and when each was taken."""
    generator = np.random.default_rng(1)
    places = PITTS30K[0] // IMAGES_PER_PLACE
    sides = {
        "database": (np.arange(PITTS30K[0]) % places, 2008),
        "queries": (generator.integers(0, places, PITTS30K[1]), 2016),
    }
    for side, (of, year) in sides.items():
        (folder / side).mkdir()
        jitter = generator.uniform(-5, 5, (len(of), 2))
        for number, (place, (east, north)) in enumerate(zip(of.tolist(), jitter.tolist(), strict=True)):
            row, column = divmod(place, _ROW)
            east, north = 585_000 + APART_M * column + east, 4_477_000 + APART_M * row + north
            latitude, longitude = 40.44 + APART_M * row / 111_200, -80.0 + APART_M * column / 84_600
            where = f"@{east:.2f}@{north:.2f}@17@T@{latitude:.6f}@{longitude:.6f}"
            name = f"{where}@{number:06d}@@{45 * (number % 8)}@@@@{year + number % 5}{1 + number % 12:02d}@@.jpg"
            os.link(photographs[number % len(photographs)], folder / side / name)


def _places_of(layout: Layout) -> dict[str, Ints]:
    """Side -> the place of each image, as its coordinates say."""
    from gsv_pipeline.benchmarks.data import load_benchmark

    found = {}
    for side, table in load_benchmark(layout.benchmark(NAME)).sides.items():
        columns, rows = (
            np.rint((table[name].to_numpy(np.float64) - origin) / APART_M).astype(np.int64)
            for name, origin in (("east", 585_000), ("north", 4_477_000))
        )
        found[side] = rows * _ROW + columns
    return found


def _describe(layout: Layout, experiment: Experiment) -> None:
    places = _places_of(layout)

    def write(target: Path) -> Output:
        for side, file, spread in (("database", DATABASE_FILE, 0.7), ("queries", QUERIES_FILE, 14.0)):
            shape = (len(places[side]), SIZE)
            out: Float = np.lib.format.open_memmap(target / file, mode="w+", dtype=np.float32, shape=shape)
            fill(out, places[side], seed=len(side), spread=spread)
        return Output({"images_per_s": 100.0})

    produce(layout, recipes.embeddings_of(layout, experiment, NAME), write, tracker=NullTracker())


def _score_baselines(layout: Layout, experiment: Experiment) -> None:
    """What the experiment stands beside: computed once for a benchmark, so it is there when a report is written."""
    generator = np.random.default_rng(2)

    def made_up(rows: int) -> Float:
        found: Float = generator.standard_normal((rows, BASELINE_SIZE), dtype=np.float32)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found

    def by_name(_: str, paths: list[Path], **__: Any) -> tuple[Float, list[int]]:
        return made_up(len(paths)), []

    def by_model(*_: Any, side: str, folder: Path, **__: Any) -> SimpleNamespace:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{side}.npy", made_up(PITTS30K[side == "queries"]))
        return SimpleNamespace(path=folder / f"{side}.npy", broken={})

    with (
        patch("gsv_pipeline.embeddings.baselines.describe_by", by_name),
        patch("gsv_pipeline.compose.baselines.describe_side", by_model),
    ):
        compose.score_baselines(layout, experiment, NAME, tracker=NullTracker())
