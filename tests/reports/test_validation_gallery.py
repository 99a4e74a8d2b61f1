"""The gallery of a validation: which queries it shows, and that its borders tell the truth."""

import time

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.errors import DataError
from gsv_pipeline.reports import validation_gallery as module
from gsv_pipeline.reports.retrievals import first_correct_ranks
from gsv_pipeline.reports.validation_gallery import GalleryPainter, Retrieved, pick_queries

GREEN, RED = (23, 138, 74), (208, 58, 63)


def scene(ranks, depth=10, without=()):
    """Predictions in which the first correct image of query q has rank `ranks[q]`; 0: none."""
    num_queries = len(ranks)
    predictions = np.tile(np.arange(depth), (num_queries, 1)) + 100
    positives = [np.array([query] if query not in without else [], dtype=np.int64) for query in range(num_queries)]
    for query, rank in enumerate(ranks):
        if rank:
            predictions[query, rank - 1] = query
    return predictions, positives


@pytest.fixture
def retrieved(tmp_path):
    """20 queries, of which every third hits; each database image has a colour of its own."""
    ranks = [1 if query % 3 == 0 else query % 11 for query in range(20)]
    predictions, positives = scene(ranks)
    paths = [tmp_path / f"{number}.jpg" for number in range(130)]
    rng = np.random.default_rng(1)
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(path)
    latlon = np.stack([np.full(110, 48.0), np.linspace(2.0, 2.1, 110)], axis=1)
    return Retrieved("demo_val", predictions, positives, paths[110:], paths[:110], latlon[:20], latlon)


def test_the_upper_half_is_the_same_at_every_validation_whatever_was_found():
    rng = np.random.default_rng(3)
    chosen = [pick_queries(*scene(rng.integers(0, 11, 50))) for _ in range(5)]
    assert {tuple(queries[:3]) for queries in chosen} == {(0, 24, 49)}
    assert all(len(set(queries)) == 6 for queries in chosen)


def test_the_lower_half_misses_most():
    ranks = [1] * 30
    ranks[3], ranks[4], ranks[11], ranks[17] = 2, 7, 0, 5
    assert pick_queries(*scene(ranks))[3:] == [11, 4, 17]


def test_of_many_that_find_nothing_those_are_shown_that_lie_apart():
    lower = pick_queries(*scene([0] * 100))[3:]
    assert min(np.diff(sorted(lower))) > 20


def test_without_misses_more_of_the_others_are_shown():
    assert len(set(pick_queries(*scene([1] * 30)))) == 6


@pytest.mark.parametrize("num_queries", [1, 2, 5])
def test_few_queries_are_each_shown_once(num_queries):
    assert sorted(pick_queries(*scene([0] * num_queries))) == list(range(num_queries))


def test_a_query_without_an_answer_is_never_shown():
    predictions, positives = scene([0] * 12, without=range(0, 12, 2))
    assert set(pick_queries(predictions, positives)) == {1, 3, 5, 7, 9, 11}
    assert pick_queries(*scene([0, 0], without=(0, 1))) == []


def is_near(colour, wanted):
    return all(abs(int(a) - b) < 40 for a, b in zip(colour, wanted, strict=True))


def test_each_match_has_the_border_of_its_truth(retrieved, tmp_path):
    GalleryPainter().write(tmp_path / "gallery.jpg", retrieved, step=1200, recall=1 / 3)
    with Image.open(tmp_path / "gallery.jpg") as picture:
        sheet = np.asarray(picture)
    queries = pick_queries(retrieved.predictions, retrieved.positives)
    ranks = first_correct_ranks(retrieved.predictions, retrieved.positives)
    width, height = module.TILE
    seen = []
    for row, query in enumerate(queries):
        top = module._MARGIN + module._HEAD + row * module._ROW
        for position in range(5):
            left = module._MARGIN + module._APART + (position + 1) * (width + module._GAP)
            border = sheet[top + height // 2, left + 1]  # in the middle of the left edge
            seen.append(is_near(border, GREEN))
            assert seen[-1] != is_near(border, RED)
            assert seen[-1] == (ranks[query] == position + 1)
    assert 0 < sum(seen) < len(seen)


def test_the_picture_is_the_same_every_time_and_small(retrieved, tmp_path):
    painter = GalleryPainter()
    for name in ("first.jpg", "second.jpg"):
        painter.write(tmp_path / name, retrieved, step=7, recall=0.5)
    GalleryPainter().write(tmp_path / "third.jpg", retrieved, step=7, recall=0.5)
    contents = {(tmp_path / name).read_bytes() for name in ("first.jpg", "second.jpg", "third.jpg")}
    assert len(contents) == 1
    assert len(contents.pop()) < 700_000  # noise, which a photograph is not


def test_a_painter_keeps_no_more_pictures_than_it_says(retrieved, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_TILES", 8)
    painter = GalleryPainter()
    painter.write(tmp_path / "gallery.jpg", retrieved, step=1, recall=0.5)
    assert len(painter._tiles) == 8


def test_a_gallery_takes_a_moment(retrieved, tmp_path):
    started = time.process_time()
    GalleryPainter().write(tmp_path / "gallery.jpg", retrieved, step=1, recall=0.5)
    assert time.process_time() - started < 1.5


def test_unknown_positions_and_fewer_matches_than_columns_are_no_hindrance(retrieved, tmp_path):
    unknown = np.full_like(retrieved.database_latlon, np.nan)
    few = Retrieved(
        retrieved.benchmark, retrieved.predictions[:, :2], retrieved.positives, retrieved.queries, retrieved.database,
        unknown[:20], unknown,
    )  # fmt: skip
    GalleryPainter().write(tmp_path / "gallery.jpg", few, step=1, recall=0.0)
    with Image.open(tmp_path / "gallery.jpg") as picture:
        assert picture.size == module._size(6)


def test_a_lost_photograph_is_named(retrieved, tmp_path):
    retrieved.queries[0].unlink()
    with pytest.raises(DataError, match=str(retrieved.queries[0].name)):
        GalleryPainter().write(tmp_path / "gallery.jpg", retrieved, step=1, recall=0.5)
