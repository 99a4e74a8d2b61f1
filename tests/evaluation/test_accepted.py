"""The gate: what was accepted, kept in a file, and compared with what is found now."""

import json
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.accepted import Accepted, judge, load_accepted, pack_ranks, save_accepted

PLACES = [str(row // 2) for row in range(200)]
RANKS = np.where(np.arange(200) % 5 == 0, 25, 0)


def _accepted(**changes: object) -> Accepted:
    values = {
        "experiment": "demo",
        "benchmark": "demo_test",
        "benchmark_version": "v1",
        "queries": 200,
        "recall_at": {"1": 0.8},
        "ranks": pack_ranks(RANKS),
        "reason": "first",
        "accepted": "2026-11-02T10:00:00+00:00",
    }
    return Accepted(**{**values, **changes})  # type: ignore[arg-type]


def test_a_record_survives_its_file_and_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "demo_test" / "demo.json"
    assert load_accepted(path) is None
    save_accepted(path, _accepted())
    found = load_accepted(path)
    assert found is not None
    assert np.array_equal(found.first_hits(), RANKS)
    many = pack_ranks(np.random.default_rng(1).choice([0, 0, 0, 0, 3, 25], size=8_280))
    assert len(many) < 6_000


def test_the_same_answers_pass_and_a_clear_loss_fails_with_what_to_do() -> None:
    same = judge(_accepted(), RANKS, PLACES, benchmark_version="v1")
    assert same.passed
    assert "+0.00 points" in same.message
    worse = RANKS.copy()
    worse[40:80] = 25
    lost = judge(_accepted(), worse, PLACES, benchmark_version="v1")
    assert not lost.passed
    assert "32 queries lost, 0 won" in lost.message
    assert "gsv-pipeline accept demo --benchmark demo_test" in lost.message


def test_a_loss_that_may_be_chance_passes_unless_a_tolerance_forbids_it() -> None:
    slightly = RANKS.copy()
    slightly[1] = 25
    assert judge(_accepted(), slightly, PLACES, benchmark_version="v1").passed
    assert not judge(_accepted(tolerance=0.0), slightly, PLACES, benchmark_version="v1").passed
    assert judge(_accepted(tolerance=0.005), slightly, PLACES, benchmark_version="v1").passed


def test_another_benchmark_under_the_same_name_is_not_compared() -> None:
    found = judge(_accepted(), RANKS, PLACES, benchmark_version="v2")
    assert not found.passed
    assert found.comparison is None
    assert "has changed" in found.message


@pytest.mark.parametrize("ranks", ["###", "", pack_ranks(RANKS[:7])])
def test_an_edited_record_is_named(ranks: str) -> None:
    with pytest.raises(DataError, match="demo_test"):
        judge(_accepted(ranks=ranks), RANKS, PLACES, benchmark_version="v1")


@pytest.mark.parametrize("text", ["{}", '{"experiment": 1, "surprise": 2}', "[]"])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "demo.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"demo\.json"):
        load_accepted(path)


def test_the_file_is_readable_text_for_git(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    save_accepted(path, _accepted())
    values = json.loads(path.read_text())
    assert values["reason"] == "first"
    assert len(path.read_text().splitlines()) > 8
