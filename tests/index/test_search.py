"""Exact search by blocks: FAISS's order, whatever the blocks and however a processor rounds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.index import search as search_module
from gsv_pipeline.index.flat import build_flat, search
from gsv_pipeline.index.screening import Screened, screen
from gsv_pipeline.index.search import exact_search, float32_products
from gsv_pipeline.index.tensors import half_squares

TIE = 1e-6


def unit(rows, size, seed, *, clusters=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, size))
    if clusters:  # places: many near-equal neighbours, all on one side of the sphere
        centres = np.random.default_rng(99).normal(size=(clusters, size)) + 1.0
        values = centres[generator.integers(0, clusters, rows)] + 0.3 * values
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def assert_same_order(found, database, queries, k):
    """As FAISS, but where it is a matter of rounding which of two comes first."""
    predictions, similarities = found
    expected, scores = search(build_flat(database), queries, k)
    assert predictions.dtype == np.int64
    assert predictions.shape == expected.shape
    assert np.abs(similarities - scores).max() < TIE
    other = predictions != expected
    exact = np.einsum("qd,qkd->qk", queries.astype(np.float64), database[predictions].astype(np.float64))
    wanted = np.einsum("qd,qkd->qk", queries.astype(np.float64), database[expected].astype(np.float64))
    assert np.abs(exact - wanted)[other].max(initial=0.0) < TIE
    assert all(len(set(row)) == len(row) for row in predictions.tolist())


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(1, 40),
    st.integers(1, 50),
    st.integers(0, 100),
    st.sampled_from([7, 16, 130, 2048]),
)
def test_the_order_is_that_of_faiss_whatever_the_blocks(rows, queries, k, seed, block):
    database, wanted = unit(rows, 24, seed, clusters=5), unit(queries, 24, seed + 1000, clusters=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "DATABASE_BLOCK", max(block // 2, 1))
        patch.setattr(search_module, "SCORES_AT_ONCE", block)
        patch.setattr(search_module, "QUERY_BLOCK", max(block // 3, 1))
        assert_same_order(exact_search(database, wanted, k), database, wanted, k)


def test_the_order_is_that_of_faiss_at_the_size_of_a_descriptor(tmp_path):
    database, queries = unit(5000, 1024, 0, clusters=400), unit(300, 1024, 1, clusters=400)
    assert database.size * len(queries) > search_module.WORTH_A_LOOK
    np.save(tmp_path / "database.npy", database)
    mapped = np.load(tmp_path / "database.npy", mmap_mode="r")
    assert_same_order(exact_search(mapped, queries, 25), database, queries, 25)


def rounded(database, queries, k, halves):
    """What a processor finds that multiplies in bfloat16."""
    products = torch.from_numpy(queries).bfloat16().float() @ torch.from_numpy(database).bfloat16().float().T - halves
    scores, rows = products.topk(k, dim=1)
    return Screened(rows, scores)


@pytest.mark.parametrize("clusters", [0, 3, 200])
def test_rounded_products_are_put_right(clusters):
    database, queries = unit(1500, 256, 0, clusters=clusters), unit(60, 256, 1, clusters=clusters)
    halves = torch.from_numpy(half_squares(database))
    exact = torch.from_numpy(queries) @ torch.from_numpy(database).T - halves
    every = rounded(database, queries, 1500, halves)
    error = float((every.scores - exact.gather(1, every.rows)).abs().max())
    asked = []

    def sure(rows, some, k, squares):
        asked.append(len(some))
        scores, found = (torch.from_numpy(some) @ torch.from_numpy(rows).T - squares).topk(k, dim=1)
        return Screened(found, scores)

    found = screen(database, queries, 25, halves, error=error, best=rounded, sure=sure)
    assert_same_order((found.rows.numpy(), (found.scores + 0.5).numpy()), database, queries, 25)
    # In three places of 500 rows each, too many rows are close to say which: those queries are searched again.
    assert (sum(asked) > 0) == (clusters == 3)


def test_an_error_larger_than_it_was_taken_for_is_noticed():
    database, queries = unit(400, 64, 0), unit(20, 64, 1)
    halves = torch.from_numpy(half_squares(database))

    def wrong(rows, some, k, squares):
        found = rounded(rows, some, k, squares)
        return Screened(found.rows, found.scores + 0.01)

    def sure(rows, some, k, squares):
        scores, found = (torch.from_numpy(some) @ torch.from_numpy(rows).T - squares).topk(k, dim=1)
        return Screened(found, scores)

    found = screen(database, queries, 5, halves, error=1e-6, best=wrong, sure=sure)
    assert_same_order((found.rows.numpy(), (found.scores + 0.5).numpy()), database, queries, 5)


def test_rows_without_a_descriptor_are_never_found_and_queries_without_one_find_nothing():
    database, queries = unit(40, 16, 0), unit(6, 16, 1)
    database[[3, 30]], queries[2] = 0.0, 0.0
    predictions, similarities = exact_search(database, queries, 25, missing=[3, 30])
    assert not np.isin(predictions, [3, 30]).any()
    assert (predictions[2] == -1).all()
    assert (similarities[2] == -1).all()
    kept = np.delete(np.arange(40), [3, 30])
    others = np.delete(np.arange(6), 2)
    named, _ = exact_search(database[kept], queries, 25, rows=kept)
    assert np.array_equal(named, predictions)
    assert_same_order((np.searchsorted(kept, named[others]), similarities[others]), database[kept], queries[others], 25)


def test_a_database_smaller_than_k_is_found_in_full():
    database, queries = unit(4, 16, 0), unit(3, 16, 1)
    predictions, _ = exact_search(database, queries, 25)
    assert np.array_equal(np.sort(predictions, axis=1), [[0, 1, 2, 3]] * 3)
    predictions, similarities = exact_search(database, queries, 25, missing=[1, 2, 3])
    assert predictions.tolist() == [[0, -1, -1, -1]] * 3
    assert (similarities[:, 1:] == -1).all()


def test_torch_multiplies_as_before_afterwards():
    before = torch.get_float32_matmul_precision()
    exact_search(unit(4, 16, 0), unit(3, 16, 1), 2)
    with pytest.raises(RuntimeError, match="inside"), float32_products("medium"):
        raise RuntimeError("inside")
    assert torch.get_float32_matmul_precision() == before
