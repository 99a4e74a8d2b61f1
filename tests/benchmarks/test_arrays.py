"""Lists of other people: the published ones where they are at hand, small ones of every kind, and what is refused."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from gsv_pipeline.benchmarks.formats.arrays import read_array, read_names, read_positives, read_rows
from gsv_pipeline.errors import DataError
from tests.benchmarks.folders import lists, ragged

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "gsv_cities_ground_truth"
PUBLISHED = sorted(SHARED.rglob("*.npy"))
needs_lists = pytest.mark.skipif(not PUBLISHED, reason="the published lists are not beside this repository")


class Program:
    """What a pickle can do to who loads it."""

    def __reduce__(self):
        return os.system, ("touch /nowhere",)


def save_objects(path, values):
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    np.save(path, array, allow_pickle=True)
    return path


@needs_lists
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_a_published_list_is_read_as_numpy_reads_it(path):
    found, expected = read_array(path), np.load(path, allow_pickle=True)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_of_every_kind_are_read(tmp_path, version):
    for array in (np.arange(6).reshape(2, 3), np.array(["a.jpg", "b.jpg"]), ragged([[0], [1, 2], []])):
        with (tmp_path / "list.npy").open("wb") as file:
            np.lib.format.write_array(file, array, version=version, allow_pickle=True)
        found = read_array(tmp_path / "list.npy")
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, array, strict=True))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_object_arrays_of_every_pickle_protocol_are_read(tmp_path, protocol):
    file = io.BytesIO()
    np.save(file, ragged([[3, 1], [2]]), allow_pickle=True)
    header = file.getvalue()[: file.getvalue().index(b"\n") + 1]
    (tmp_path / "gt.npy").write_bytes(header + pickle.dumps(ragged([[3, 1], [2]]), protocol=protocol))
    assert lists(read_positives(tmp_path / "gt.npy", num_queries=2, num_database=4)) == [[1, 3], [2]]


def test_the_old_and_the_new_name_of_numpys_module_are_both_read(tmp_path):
    path = save_objects(tmp_path / "gt.npy", [np.array([1]), np.int64(2)])
    data = path.read_bytes()
    assert b"numpy._core.multiarray" in data
    old = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    # Protocol 4 frames its content: without the frame's length it is one byte shorter.
    start = old.index(b"\x95", old.index(b"\n"))
    size = int.from_bytes(old[start + 1 : start + 9], "little") - old.count(b"\x8c\x15numpy.core.multiarray")
    path.write_bytes(old[: start + 1] + size.to_bytes(8, "little") + old[start + 9 :])
    assert lists(read_positives(path, num_queries=2, num_database=3)) == [[1], [2]]


def test_a_pickle_that_holds_a_program_is_refused_by_name_and_not_run(tmp_path, monkeypatch):
    path = save_objects(tmp_path / "gt.npy", [Program(), np.array([1])])
    monkeypatch.setattr("posix.system", lambda command: pytest.fail(f"ran {command}"))
    with pytest.raises(
        DataError, match=r"gt\.npy is a pickle that holds (posix|nt|os)\.system, which is no NumPy data"
    ):
        read_array(path)


@pytest.mark.parametrize("value", [Path("a"), np.datetime64, set, print], ids=str)
def test_a_pickle_of_anything_else_is_refused(tmp_path, value):
    with pytest.raises(DataError, match="is a pickle that holds .*, which is no NumPy data"):
        read_array(save_objects(tmp_path / "gt.npy", [value]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: data[:-20],
        lambda data: b"PK\x03\x04" + data,
        lambda data: pickle.dumps([1, 2]),
        lambda data: data[: data.index(b"\n") + 1] + pickle.dumps([1, 2]),
        lambda data: data[: data.index(b"\n") + 1] + pickle.dumps(np.arange(9)),
    ],
    ids=["empty", "in the header", "cut short", "a zip", "a bare pickle", "a list inside", "another shape"],
)
@pytest.mark.parametrize("kind", ["numbers", "objects"])
def test_a_damaged_list_is_named(tmp_path, damage, kind):
    path = tmp_path / "gt.npy"
    np.save(path, np.arange(64) if kind == "numbers" else ragged([[1], [2, 3]]), allow_pickle=True)
    path.write_bytes(damage(path.read_bytes()))
    if kind == "numbers" and len(path.read_bytes()) > 130:
        return  # what follows the header of plain numbers is numbers, whatever it was meant to be
    with pytest.raises(DataError, match=r"gt\.npy is not readable as an \.npy file"):
        read_array(path)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.npy is not readable"):
        read_array(tmp_path / "absent.npy")


@pytest.mark.parametrize(
    "values", [np.array(["a/b.jpg", "c.jpg"]), np.array([b"a/b.jpg", b"c.jpg"]), np.array(["a/b.jpg", "c.jpg"], object)]
)
def test_names_are_read_from_text_bytes_and_objects(tmp_path, values):
    np.save(tmp_path / "names.npy", values, allow_pickle=True)
    assert read_names(tmp_path / "names.npy") == ["a/b.jpg", "c.jpg"]


@pytest.mark.parametrize("values", [np.arange(3), np.array([["a", "b"]]), ragged([[1], [2]]), np.array(["a", ""])])
def test_something_else_than_names_is_refused(tmp_path, values):
    np.save(tmp_path / "names.npy", values, allow_pickle=True)
    with pytest.raises(DataError, match="expected a list of names"):
        read_names(tmp_path / "names.npy")


@pytest.mark.parametrize("name", ["../up.jpg", "a/../../up.jpg", "/etc/passwd"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    np.save(tmp_path / "names.npy", np.array(["a.jpg", name]))
    with pytest.raises(DataError, match="leads out of the folder"):
        read_names(tmp_path / "names.npy")


def test_rows_are_whole_numbers(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([2, 0], dtype=np.int32))
    assert read_rows(tmp_path / "rows.npy").tolist() == [2, 0]
    np.save(tmp_path / "rows.npy", np.array([0.5]))
    with pytest.raises(DataError, match="expected whole numbers"):
        read_rows(tmp_path / "rows.npy")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0], [2]]), [[0], [2]]),
        (np.array([[0, 1], [1, 2]]), [[0, 1], [1, 2]]),  # a window, not VPR-Bench's numbered queries
        (np.array([1, 2]), [[1], [2]]),
        (ragged([[2, 1, 2], []]), [[1, 2], []]),
        (np.array([[0, [2, 1]], [1, [0]]], dtype=object), [[1, 2], [0]]),
        (np.array([[1, [2, 1]], [0, [0]]], dtype=object), [[0], [1, 2]]),
    ],
    ids=["a column", "two columns", "one number each", "lists", "VPR-Bench", "VPR-Bench in another order"],
)
def test_positives_are_read_in_every_form(tmp_path, values, expected):
    np.save(tmp_path / "gt.npy", values, allow_pickle=True)
    found = read_positives(tmp_path / "gt.npy", num_queries=2, num_database=3)
    assert lists(found) == expected
    assert all(rows.dtype == np.int64 for rows in found)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.array([[0], [1], [2]]),
            "holds the positives of 3 queries, but there are 2 queries. The lists are not of one",
        ),
        (np.int64(3), "holds the positives of 0 queries"),
        (np.array([[0], [3]]), "positives of query 1 name database row 3, but there are 3 database images"),
        (np.array([[-1], [0]]), "positives of query 0 name database row -1"),
        (np.array([[0.5], [1.0]]), "positives of query 0 are .*expected whole numbers"),
        (np.array(["a", "b"]), "expected whole numbers"),
        (np.array([[1, [0]], [2, [1]]], dtype=object), "queries are numbered otherwise than from 0 to 1"),
    ],
)
def test_positives_that_do_not_fit_are_refused(tmp_path, values, words):
    np.save(tmp_path / "gt.npy", values, allow_pickle=True)
    with pytest.raises(DataError, match=f"gt\\.npy.*{words}"):
        read_positives(tmp_path / "gt.npy", num_queries=2, num_database=3)
