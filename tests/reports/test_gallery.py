import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.reports.data import ReportData
from gsv_pipeline.reports.gallery import MAX_MATCH_STRIPS, distance_text, report_strips, write_match_page
from gsv_pipeline.reports.thumbnails import Thumbnails


def write(target: Path, scenes: list[Path], **changes: object) -> str:
    arguments: dict[str, object] = {
        "title": "queries in database",
        "queries": scenes[:3],
        "database": scenes[3:],
        "predictions": np.tile(np.arange(7), (3, 1)),
        "scores": np.tile(np.linspace(0.9, 0.3, 7), (3, 1)),
        "positives": None,
        "query_names": [path.name for path in scenes[:3]],
        "database_names": [path.name for path in scenes[3:]],
    }
    write_match_page(target, **{**arguments, **changes})  # type: ignore[arg-type]
    return target.read_text(encoding="utf-8")


def tile_kinds(html: str) -> list[str]:
    return re.findall(r'<div class="tile (\w+)">', html)


def test_without_labels_all_borders_are_neutral(tmp_path: Path, scenes: list[Path]) -> None:
    html = write(tmp_path / "match.html", scenes)
    assert tile_kinds(html) == ["query", *["neutral"] * 5] * 3
    assert "3 queries against 15 database images." in html
    assert "Nobody has said which matches are correct" in html
    assert "best match is correct" not in html


def test_with_labels_borders_and_the_share_of_correct_matches_are_shown(tmp_path: Path, scenes: list[Path]) -> None:
    html = write(tmp_path / "match.html", scenes, positives=[np.array([0]), np.array([1, 2]), np.array([14])])
    assert tile_kinds(html)[:6] == ["query", "correct", "wrong", "wrong", "wrong", "wrong"]
    assert tile_kinds(html)[6:12] == ["query", "wrong", "correct", "correct", "wrong", "wrong"]
    assert "1 of them (33.3&nbsp;%)" in html


def test_the_match_page_asks_for_nothing_from_elsewhere(tmp_path: Path, scenes: list[Path]) -> None:
    html = write(tmp_path / "match.html", scenes, title="<b>&")
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert "<h1>&lt;b&gt;&amp;</h1>" in html


def test_scores_stand_under_their_matches_in_rank_order(tmp_path: Path, scenes: list[Path]) -> None:
    html = write(tmp_path / "match.html", scenes)
    assert re.findall(r"<span>(0\.\d\d)</span>", html)[:5] == ["0.90", "0.80", "0.70", "0.60", "0.50"]


def test_many_queries_are_cut_and_the_page_says_so(tmp_path: Path, scenes: list[Path]) -> None:
    count = MAX_MATCH_STRIPS + 1
    html = write(
        tmp_path / "match.html",
        scenes,
        queries=scenes[:1] * count,
        query_names=["q"] * count,
        predictions=np.zeros((count, 1), dtype=np.int64),
        scores=np.ones((count, 1)),
    )
    assert tile_kinds(html).count("query") == MAX_MATCH_STRIPS
    assert f"The first {MAX_MATCH_STRIPS} queries are drawn." in html


def test_no_queries_are_said_in_a_sentence(tmp_path: Path, scenes: list[Path]) -> None:
    empty = np.zeros((0, 5))
    html = write(
        tmp_path / "match.html", scenes, queries=[], query_names=[], predictions=empty.astype(np.int64), scores=empty
    )
    assert "There are no queries to show." in html


def test_an_unreadable_photograph_is_named(tmp_path: Path, scenes: list[Path]) -> None:
    (tmp_path / "broken.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        write(tmp_path / "match.html", scenes, queries=[tmp_path / "broken.jpg", *scenes[1:3]])
    assert not (tmp_path / "match.html").exists()


@pytest.mark.parametrize(("metres", "text"), [(0.4, "0 m"), (12.6, "13 m"), (3400, "3.4 km"), (np.nan, "")])
def test_distances_are_written_in_the_unit_a_reader_expects(metres: float, text: str) -> None:
    assert distance_text(metres) == text


def test_a_strip_has_an_answer_only_where_the_best_match_is_wrong_and_one_exists(
    make_report: Callable[..., ReportData],
) -> None:
    data = make_report(missed=(0, 1))
    data = replace(data, positives=[np.array([], dtype=np.int64), *data.positives[1:]])
    unanswerable, miss, hit = report_strips(data, [0, 1, 2], Thumbnails())
    assert unanswerable.answer is None
    assert miss.answer is not None
    assert (miss.answer.name, miss.answer.side) == ("Test/image_1.jpg", "rank 2")
    assert hit.answer is None
