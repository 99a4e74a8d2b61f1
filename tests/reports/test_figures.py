import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.reports import figures
from gsv_pipeline.reports.data import RecallRow, TrainingCurve

ROWS = [
    RecallRow("a < b & $c_d$", {k: 0.8 + 0.004 * k for k in range(1, 26)}, {1: (0.75, 0.85)}),
    RecallRow("untrained", {k: 0.02 * k for k in range(1, 26)}, {}, is_baseline=True),
    RecallRow("thumbnail", {k: 0.02 * k for k in range(1, 26)}, {1: (0.0, 0.1)}, is_baseline=True),
]
CURVE = TrainingCurve(
    range(100), [1 / (1 + i) for i in range(100)], [50, 99], {"v R@1": [0.3, 0.6], "v R@5": [0.5, 0.8]}, 99
)
RNG = np.random.default_rng(0)
LATLON = np.array([51.0, 3.7]) + RNG.uniform(-0.01, 0.01, (40, 2))
FIGURES: dict[str, Callable[[figures.ImageFormat], bytes]] = {
    "recall_bars": lambda image_format: figures.recall_bars(ROWS, image_format=image_format),
    "recall_curve": lambda image_format: figures.recall_curve(ROWS, image_format=image_format),
    "training_curve": lambda image_format: figures.training_curve(CURVE, image_format=image_format),
    "query_map": lambda image_format: figures.query_map(
        LATLON, LATLON[:9], hits=np.arange(9) % 3 > 0, image_format=image_format
    ),
}


def text_of(svg: bytes) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_small_well_formed_svg_and_the_same_bytes_every_time(name: str) -> None:
    svg = FIGURES[name]("svg")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert len(svg) < 200_000
    assert FIGURES[name]("svg") == svg


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_also_a_png_for_the_dagster_ui(name: str) -> None:
    with Image.open(BytesIO(FIGURES[name]("png"))) as image:
        assert image.format == "PNG"
        assert image.width > 700


def test_figures_leave_the_settings_of_matplotlib_alone() -> None:
    before = dict(matplotlib.rcParams)
    FIGURES["recall_bars"]("svg")
    assert dict(matplotlib.rcParams) == before


def test_names_are_drawn_as_they_are_and_values_as_percent() -> None:
    text = text_of(figures.recall_bars(ROWS))
    assert "a < b & $c_d$" in text
    assert "80.4" in text
    assert "untrained model" in text


def test_dark_pages_get_light_ink() -> None:
    assert b"prefers-color-scheme: dark" in figures.recall_bars(ROWS)


def test_the_best_step_is_named_and_left_out_where_there_is_none() -> None:
    assert "best step, 99" in text_of(figures.training_curve(CURVE))
    assert "best step" not in text_of(figures.training_curve(TrainingCurve([1, 2], [1.0, 0.5])))


def test_a_curve_with_validations_only_can_be_drawn() -> None:
    assert "v R@1" in text_of(figures.training_curve(TrainingCurve((), (), [10], {"v R@1": [0.5]})))


def test_the_map_counts_hits_and_misses_and_has_a_scale() -> None:
    text = text_of(figures.query_map(LATLON, LATLON[:9], hits=np.arange(9) % 3 > 0))
    assert "hit at rank 1 (6)" in text
    assert "missed (3)" in text
    assert "database (40)" in text
    assert " m" in text


def test_a_map_of_many_points_stays_small() -> None:
    many = np.array([51.0, 3.7]) + RNG.uniform(-0.05, 0.05, (20_000, 2))
    assert len(figures.query_map(many, many[:3000], hits=np.ones(3000, dtype=bool))) < 700_000
