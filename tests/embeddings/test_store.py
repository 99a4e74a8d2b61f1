"""Descriptors on disk: what is refused before it is written, and what is refused when read."""

import numpy as np
import pytest

from gsv_pipeline.embeddings.store import check_descriptors, load_descriptors
from gsv_pipeline.errors import DataError, RunError


@pytest.fixture
def descriptors():
    values = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_descriptors_survive_the_disk_and_cannot_be_changed_there(tmp_path, descriptors):
    np.save(tmp_path / "database.npy", np.ascontiguousarray(descriptors[:, ::-1]))
    found = load_descriptors(tmp_path / "database.npy")
    assert found.dtype == np.float32
    assert np.array_equal(found, descriptors[:, ::-1])
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_sound_descriptors_pass(descriptors):
    check_descriptors(descriptors, rows=6, what="demo_test database")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[:5], r"descriptors of shape \(5, 8\), expected 6 rows"),
        (lambda x: x[0], r"descriptors of shape \(8,\), expected 6 rows"),
        (lambda x: np.where(np.arange(6)[:, None] < 2, np.nan, x), "2 of 6 descriptors are not finite"),
        (lambda x: x * np.where(np.arange(8) == 3, np.inf, 1), "6 of 6 descriptors are not finite"),
        (lambda x: x * 1.01, "a descriptor's norm is off 1 by 0.01, expected at most 0.001"),
        (lambda x: x * (np.arange(6)[:, None] > 0), "norm is off 1 by 1"),
    ],
)
def test_descriptors_that_cannot_be_searched_are_refused(descriptors, spoil, words):
    with pytest.raises(RunError, match=f"^demo_test database: .*{words}"):
        check_descriptors(spoil(descriptors), rows=6, what="demo_test database")


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "foreign", "pickle"])
def test_a_file_that_holds_none_says_which_stage_to_run(tmp_path, descriptors, damage):
    path = tmp_path / "queries.npy"
    if damage == "pickle":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif damage != "missing":
        np.save(path, descriptors)
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "truncated": whole[:-9], "foreign": b"no array"}[damage])
    with pytest.raises(DataError, match=r"queries\.npy holds no descriptors .*Run the embed stage again with --force"):
        load_descriptors(path)
