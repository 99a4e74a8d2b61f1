"""Readers and recall on published lists and real photographs, where they lie beside the repository."""

from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.catalog.headers import quick_look
from gsv_pipeline.embeddings.baselines import BASELINES, describe_by
from gsv_pipeline.embeddings.store import check_descriptors
from gsv_pipeline.evaluation.intervals import recall_interval
from gsv_pipeline.evaluation.recall import recall_at_k
from gsv_pipeline.images import check_image, list_images
from gsv_pipeline.index.flat import build_flat, search
from gsv_pipeline.tracking import NullTracker

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LISTS, PHOTOS = SHARED / "gsv_cities_ground_truth", SHARED / "toy_photos"
needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason="the published lists are not beside this repository")
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the toy photographs are not beside this repository")

# Database size, queries, positives in all, least and most of a query (FIELD 1.8).
PUBLISHED = {
    "msls": ("msls_val/msls_val_pIdx.npy", 18_871, 740, 7_955, 1, 88),
    "nordland": ("Nordland/Nordland_gt.npy", 27_592, 2_760, 8_279, 2, 3),
    "cross_season": ("CrossSeason/CrossSeason_gt.npy", 191, 191, 1_487, 1, 10),
    "holidays": ("InriaHolidays/Inria_gt.npy", 512, 300, 512, 1, 9),
    "sped": ("SPED/SPED_gt.npy", 607, 607, 607, 1, 1),
    "essex": ("ESSEX/ESSEX_gt.npy", 210, 210, 210, 1, 1),
}


@pytest.fixture(params=sorted(PUBLISHED))
def published(request):
    file, size, *counts = PUBLISHED[request.param]
    # Object arrays are pickles; these come from a folder that its owner put here.
    stored = np.load(LISTS / file, allow_pickle=True)
    return size, counts, [np.asarray(rows, dtype=np.int64) for rows in stored]


def retrieved(positives, size, depth=25):
    """Seeded predictions in which two queries of three find a positive at a random rank."""
    generator = np.random.default_rng(0)
    predictions = generator.integers(0, size, (len(positives), depth))
    for query, rows in enumerate(positives):
        if query % 3:
            predictions[query, generator.integers(depth)] = generator.choice(rows)
    return predictions


@needs_lists
def test_published_positives_have_the_stated_counts(published):
    size, (queries, total, least, most), positives = published
    lengths = [len(rows) for rows in positives]
    assert (len(positives), sum(lengths), min(lengths), max(lengths)) == (queries, total, least, most)
    assert all(rows.min() >= 0 and rows.max() < size for rows in positives)


@needs_lists
def test_recall_on_published_positives_equals_a_slow_loop(published):
    size, _, positives = published
    predictions = retrieved(positives, size)
    ks = (1, 5, 10, 20, 25)
    slow = dict.fromkeys(ks, 0)
    for ranked, correct in zip(predictions.tolist(), positives, strict=True):
        wanted = set(correct.tolist())
        first = next((rank for rank, row in enumerate(ranked) if row in wanted), None)
        for k in ks:
            slow[k] += first is not None and first < k
    found = recall_at_k(predictions, positives, ks)
    assert found == {k: pytest.approx(hits / len(positives), abs=1e-12) for k, hits in slow.items()}
    assert found[25] > 0.6


@needs_lists
def test_one_query_of_msls_weighs_0_135_points_and_its_interval_is_about_2_2_points():
    hits = np.arange(740) < 666
    low, high = recall_interval(hits, [str(query) for query in range(740)])
    assert pytest.approx(0.00135, abs=1e-5) == 1 / 740
    assert (high - low) / 2 == pytest.approx(0.022, abs=0.002)


@needs_lists
def test_nordland_matches_each_query_with_its_neighbours_in_time():
    stored = np.load(LISTS / "Nordland" / "Nordland_gt.npy", allow_pickle=True)
    for query in (1, 2, 1000, 2759):
        frames = [10 * query - 1, 10 * query, 10 * query + 1]
        assert sorted(stored[query]) == frames


@needs_photos
def test_toy_photographs_are_listed_in_natural_order_and_are_whole():
    database, queries = list_images(PHOTOS / "database"), list_images(PHOTOS / "queries")
    assert [path.name for path in database] == [f"db{number}.jpg" for number in range(1, 18)]
    assert [path.name for path in queries] == [f"q{number}.jpg" for number in range(1, 6)]
    for path in (*database, *queries):
        look = quick_look(path)
        assert look.problem == ""
        assert check_image(path) == (look.width, look.height)


@needs_photos
@pytest.mark.parametrize("baseline", sorted(BASELINES))
def test_toy_photographs_find_themselves_by_every_baseline(baseline):
    paths = list_images(PHOTOS / "database")
    descriptors, _ = describe_by(baseline, paths, tracker=NullTracker())
    check_descriptors(descriptors, rows=17, what="toy photographs")
    predictions, similarities = search(build_flat(descriptors), descriptors, 3)
    assert predictions[:, 0].tolist() == list(range(17))
    assert similarities[:, 0] == pytest.approx(np.ones(17), abs=1e-5)
