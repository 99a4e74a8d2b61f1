"""Places opened from disk: the same as in the table, one path at a time, cheap to send and share, never half."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader
from gsv_pipeline.places.arrays import CITIES_FILE, OFFSETS_FILE, STARTS_FILE, TEXT_FILE, ImagePaths, save_arrays
from gsv_pipeline.places.dataset import Places, load_places
from gsv_pipeline.places.sampling import PlaceSampler
from gsv_pipeline.places.select import PLACES_FILE
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo

OPEN_FILES = Path("/proc/self/fd")
COUNTS = {"Boston": [4, 7], "Osaka": [5], "São Paulo": [4, 6]}
ROWS = [
    (label, city, f"Images/{city}/{city}_{label:07d}_é_{image}.JPG")
    for label, (city, count) in enumerate((city, count) for city, counts in COUNTS.items() for count in counts)
    for image in range(count)
]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "places" / "mine"
    folder.mkdir(parents=True)
    save_arrays(folder, pd.DataFrame(ROWS, columns=["label", "city", "image_id"]).astype({"image_id": "string"}))
    return folder


@pytest.fixture
def places(folder, tmp_path):
    return load_places(folder / PLACES_FILE, image_root=tmp_path / "root")


def test_places_come_back_from_disk_as_they_were_in_the_table(places, tmp_path):
    assert places.num_places == 5
    assert places.counts.tolist() == [4, 7, 5, 4, 6]
    assert places.offsets.tolist() == [0, 4, 11, 16, 20, 26]
    assert places.cities.tolist() == [0, 0, 1, 2, 2]
    assert places.offsets.dtype == places.cities.dtype == np.int64
    expected = [tmp_path / "root" / image_id for _, _, image_id in ROWS]
    assert list(places.paths) == expected
    assert [places.paths[row] for row in np.arange(len(ROWS))] == expected
    assert [places.paths.text(row) for row in range(len(ROWS))] == [image_id for _, _, image_id in ROWS]


def test_paths_are_a_sequence_like_any_other(places):
    plain = tuple(places.paths)
    assert len(places.paths) == len(plain) == 26
    assert places.paths[-1] == plain[-1]
    assert places.paths[4:11] == plain[4:11]
    assert places.paths[::-5] == plain[::-5]
    assert plain[3] in places.paths
    assert places.paths.index(plain[7]) == 7
    for row in (26, -27):
        with pytest.raises(IndexError):
            places.paths[row]


def test_batches_are_those_of_places_held_in_memory(places):
    held = Places(tuple(places.paths), np.array(places.offsets), np.array(places.cities))
    for epoch in range(3):
        ours, plain = (
            PlaceSampler(kind, places_per_batch=2, images_per_place=3, seed=5).epoch(epoch) for kind in (places, held)
        )
        for a, b in zip(ours, plain, strict=True):
            assert np.array_equal(a.rows, b.rows)
            assert np.array_equal(a.labels, b.labels)


def test_an_image_reader_reads_them_one_by_one_and_all_at_once(places):
    for seed, path in enumerate(places.paths):
        save_photo(path, seed)
    reader = ImageReader(places.paths, height=16, width=16)
    rows = [3, 25, 0]
    single = reader.batch(rows)
    reader.decode_all(NullTracker(), "")
    assert np.array_equal(reader.batch(rows), single)
    assert len(reader) == 26


def test_they_are_sent_to_a_process_by_name_and_not_by_content(places):
    message = pickle.dumps(places.paths)
    assert len(message) < 500
    assert list(pickle.loads(message)) == list(places.paths)  # noqa: S301 - our own bytes


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_reads_beside_its_parent(places):
    """Both read from one open file; a shared position would mix their paths up."""
    expected = list(places.paths)
    child = os.fork()
    if child == 0:
        os._exit(0 if [list(places.paths) for _ in range(50)] == [expected] * 50 else 1)
    for _ in range(50):
        assert list(places.paths) == expected
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="counts the kernel's list of open files")
def test_the_file_is_closed_with_the_paths(folder, tmp_path):
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(20):
        ImagePaths(folder, tmp_path)
    assert len(list(OPEN_FILES.iterdir())) <= before + 2


def test_opening_imports_no_pandas():
    """A process that trains opens places in a millisecond; pandas alone takes half a second."""
    code = "import sys; from gsv_pipeline.places import dataset, sampling; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_places_made_again_do_not_change_what_is_open(places, folder):
    """`produce` puts a new folder in place of the old one while a training may be reading it."""
    expected = list(places.paths)
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    save_arrays(folder, pd.DataFrame([(0, "A", "x"), (0, "A", "y")], columns=["label", "city", "image_id"]))
    assert list(places.paths) == expected


@pytest.mark.parametrize("name", [OFFSETS_FILE, CITIES_FILE, STARTS_FILE, TEXT_FILE])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "one more", "a folder"])
def test_a_missing_or_damaged_array_says_how_to_make_it_again(folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[:-9]}.get(damage, content + b"12345678"))
    if damage == "one more" and name != TEXT_FILE:
        np.save(path, np.append(np.load(path), 99))
    with pytest.raises(DataError, match=r"Make the places again: gsv-pipeline places mine --force") as caught:
        load_places(folder / PLACES_FILE, image_root=folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (OFFSETS_FILE, np.array([0, 4, 11, 11, 20, 26])),  # a place without images
        (OFFSETS_FILE, np.array([0, 4, 16, 11, 20, 26])),
        (OFFSETS_FILE, np.array([0.0, 4, 11, 16, 20, 26])),
        (OFFSETS_FILE, np.array([[0, 4, 11, 16, 20, 26]])),
        (OFFSETS_FILE, np.array([1, 4, 11, 16, 20, 26])),
        (CITIES_FILE, np.array([0, 0, 1])),
        (STARTS_FILE, np.array([5, 6])),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(folder, name, values):
    np.save(folder / name, values)
    with pytest.raises(DataError, match="Make the places again"):
        load_places(folder / PLACES_FILE, image_root=folder)


def test_a_path_that_is_no_text_is_refused_when_it_is_read(folder):
    content = (folder / TEXT_FILE).read_bytes()
    (folder / TEXT_FILE).write_bytes(b"\xff" * len(content))
    paths = load_places(folder / PLACES_FILE, image_root=folder).paths
    with pytest.raises(DataError, match=r"paths\.bin, path 3, is damaged .* Make the places again"):
        paths[3]


@pytest.mark.parametrize("second", [-7, 10**18])
def test_a_path_that_begins_nowhere_is_refused_when_it_is_read(folder, second):
    starts = np.load(folder / STARTS_FILE)
    starts[2] = second
    np.save(folder / STARTS_FILE, starts)
    paths = load_places(folder / PLACES_FILE, image_root=folder).paths
    with pytest.raises(DataError, match=r"paths\.bin, path 2, is damaged .* Make the places again"):
        paths[2]
    assert paths[0].name.endswith("_0.JPG")
