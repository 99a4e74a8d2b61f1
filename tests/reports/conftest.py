"""A small benchmark with known answers, and everything a report shows about it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gsv_pipeline.reports.data import BenchmarkImages, RecallRow, ReportData, TrainingCurve

NUM_PLACES = 6


def draw_scene(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (64, 48), tuple(int(c) for c in rng.integers(120, 230, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = rng.integers(0, 50), rng.integers(0, 30)
        pen.rectangle((left, top, left + 14, 48), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scenes")
    return [draw_scene(folder / f"{number}.jpg", number) for number in range(3 * NUM_PLACES)]


def side(paths: list[Path], year: int, start: int) -> BenchmarkImages:
    places = [number % NUM_PLACES for number in range(len(paths))]
    return BenchmarkImages(
        paths=paths,
        names=[f"Test/image_{start + number}.jpg" for number in range(len(paths))],
        latlon=np.array([[51.0 + 0.001 * place, 3.7 + 0.0002 * place] for place in places]),
        dates=[f"{year}-{1 + place:02d}" for place in places],
        place_ids=[f"Test/{place:07d}" for place in places],
    )


def flat_row(name: str, recall: float, *, is_baseline: bool = False) -> RecallRow:
    recall_at = {k: min(1.0, recall + 0.01 * (k - 1)) for k in range(1, 26)}
    interval_at = {k: (max(0.0, value - 0.05), min(1.0, value + 0.05)) for k, value in recall_at.items()}
    return RecallRow(name, recall_at, interval_at, is_baseline)


@pytest.fixture
def make_report(scenes: list[Path]) -> Callable[..., ReportData]:
    """6 places with 2 database images and 1 query each; the queries of the `missed` places come out wrong at rank 1."""

    def make(missed: tuple[int, ...] = (1, 4)) -> ReportData:
        database, queries = side(scenes[: 2 * NUM_PLACES], 2010, 0), side(scenes[2 * NUM_PLACES :], 2018, 100)
        predictions = np.zeros((NUM_PLACES, 8), dtype=np.int64)
        for place in range(NUM_PLACES):
            correct, wrong = [place, place + NUM_PLACES], [i for i in range(12) if i % NUM_PLACES != place]
            predictions[place] = ([wrong[0], *correct, *wrong[1:]] if place in missed else [*correct, *wrong])[:8]
        scores = np.tile(np.linspace(0.9, 0.2, 8, dtype=np.float32), (NUM_PLACES, 1))
        return ReportData(
            experiment="demo",
            benchmark="demo_test",
            description="A small network.",
            rows=[
                flat_row("demo", 0.667),
                flat_row("untrained", 0.1, is_baseline=True),
                flat_row("thumbnail", 0.25, is_baseline=True),
            ],
            curve=TrainingCurve([1, 2, 3, 4], [1.5, 1.0, 0.7, 0.6], [2, 4], {"demo_val R@1": [0.4, 0.7]}, 4),
            database=database,
            queries=queries,
            predictions=predictions,
            scores=scores - np.linspace(0, 0.05, NUM_PLACES, dtype=np.float32)[:, None],
            distances_m=np.where(predictions % NUM_PLACES == np.arange(NUM_PLACES)[:, None], 7.0, 140.0),
            positives=[np.array([place, place + NUM_PLACES]) for place in range(NUM_PLACES)],
            facts={"Database images": "12"},
            provenance={"Seed": "1"},
            experiment_yaml="name: demo\n",
            created="2026-05-04 14:32",
        )

    return make
