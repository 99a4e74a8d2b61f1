"""The exact index: neighbours against a sorted matrix, parity with the reference, damaged files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.recall import recall_at_k
from gsv_pipeline.index.flat import build_flat, load_index, save_index, search, self_query_error

PARITY = Path(__file__).parents[1] / "parity" / "recall.npz"


def unit(rows, size, seed):
    values = np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 10), st.integers(1, 50), st.integers(0, 100))
def test_neighbours_are_those_of_the_whole_similarity_matrix(rows, queries, k, seed):
    database, wanted = unit(rows, 16, seed), unit(queries, 16, seed + 1000)
    predictions, similarities = search(build_flat(database), wanted, k)
    matrix = wanted.astype(np.float64) @ database.T.astype(np.float64)
    best = -np.sort(-matrix, axis=1)[:, :k]
    assert predictions.shape == (queries, min(k, rows))
    assert predictions.dtype == np.int64
    assert np.take_along_axis(matrix, predictions, axis=1) == pytest.approx(best, abs=1e-5)
    assert similarities == pytest.approx(best, abs=1e-5)
    assert all(len(set(row)) == len(row) for row in predictions.tolist())
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_predictions_and_recalls_are_those_of_the_reference():
    with np.load(PARITY) as stored:
        values = dict(stored)
    positives = np.split(values["positives_flat"], np.cumsum(values["positives_lengths"])[:-1])
    index = build_flat(values["references"])
    distances, predictions = index.search(values["queries"], values["predictions"].shape[1])
    assert np.array_equal(predictions, values["predictions"])
    assert np.array_equal(search(index, values["queries"], 25)[0], values["predictions"])
    assert any(len(rows) == 0 for rows in positives)
    ks = values["k"].tolist()
    found = recall_at_k(values["predictions"], positives, ks)
    assert list(found.values()) == pytest.approx(values["recalls"].tolist(), abs=1e-12)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_an_index_survives_the_disk(tmp_path):
    database, queries = unit(50, 8, 0), unit(5, 8, 1)
    save_index(build_flat(database), tmp_path / "index.faiss")
    loaded = load_index(tmp_path / "index.faiss")
    assert (loaded.ntotal, loaded.d) == (50, 8)
    for found, expected in zip(search(loaded, queries, 9), search(build_flat(database), queries, 9), strict=True):
        assert np.array_equal(found, expected)


def test_descriptors_of_any_layout_are_taken(tmp_path):
    database = unit(20, 8, 0)
    np.save(tmp_path / "d.npy", database)
    mapped = np.load(tmp_path / "d.npy", mmap_mode="r")
    for given_as in (mapped, np.asfortranarray(database), database.astype(np.float64)):
        assert np.array_equal(search(build_flat(given_as), given_as[3:5], 2)[0][:, 0], [3, 4])


def test_descriptors_in_the_index_find_themselves():
    database = unit(300, 64, 0)
    assert self_query_error(build_flat(database), database) < 1e-5
    assert self_query_error(build_flat(database), database, sample=1000) < 1e-5


def test_descriptors_that_are_not_in_the_index_are_noticed():
    database = unit(300, 64, 0)
    assert self_query_error(build_flat(database[:250]), database) > 0.1
    assert self_query_error(build_flat(-database), database) > 0.1


def test_an_index_in_another_order_is_noticed():
    database = unit(300, 64, 0)
    assert self_query_error(build_flat(database), database) < 1e-5
    order = np.random.default_rng(0).permutation(len(database))
    assert self_query_error(build_flat(database[order]), database) > 0.1


def test_equal_images_may_share_a_descriptor():
    database = unit(10, 64, 0)
    assert self_query_error(build_flat(np.repeat(database, 2, axis=0)), np.repeat(database, 2, axis=0)) < 1e-5


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "foreign"])
def test_a_file_that_is_no_index_says_which_stage_to_run(tmp_path, damage):
    path = tmp_path / "index.faiss"
    if damage != "missing":
        save_index(build_flat(unit(50, 8, 0)), path)
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "truncated": whole[:-100], "foreign": b"no index at all"}[damage])
    with pytest.raises(DataError, match=r"index\.faiss is .*Run the index stage (again )?with --force"):
        load_index(path)
