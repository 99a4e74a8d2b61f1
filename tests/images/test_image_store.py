"""Decoded images on disk: used as long as the images hold, made anew when one changed, never half."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader, store
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo
from tests.trackers import Heard

SIZE = {"height": 12, "width": 16}
NUM_BYTES = 5 * 12 * 16 * 3


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / "photos" / f"{number}.jpg", number, size=(40, 30)) for number in range(5)]


@pytest.fixture
def path(tmp_path):
    return Layout(tmp_path).decoded("msls_val", "320x320-bilinear")


def keep(photos, path, *, tracker=None, **settings):
    reader = ImageReader(photos, **{**SIZE, **settings})
    assert reader.keep_on_disk(path, tracker=tracker or NullTracker(), description="Decoding msls_val")
    return reader


@pytest.fixture(autouse=True)
def _any_disk(monkeypatch):
    """A small temporary folder will do."""
    monkeypatch.setattr(store, "SPARE_BYTES", 1_000_000)


def inode(path):
    return path.stat().st_ino


def test_stored_images_are_those_decoded_as_they_come(photos, path):
    expected = ImageReader(photos, **SIZE).batch(range(5))
    told = Heard()
    keep(photos, path, tracker=told)
    assert told.said == [f"Decoding msls_val: 0.0 GiB of images go to {path}, which may be removed at any time"]
    reader, first = keep(photos, path, tracker=told), inode(path)
    assert len(told.said) == 1
    assert np.array_equal(reader.batch([4, 0, 2]), expected[[4, 0, 2]])
    batches = [images.copy() for images in reader.batches([[3], [1, 4]])]
    assert np.array_equal(np.concatenate(batches), expected[[3, 1, 4]])
    batches[0][:] = 0  # a caller's own copy
    assert inode(path) == first
    assert path.stat().st_size == NUM_BYTES + 16
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("change", ["pixels", "time", "order", "interpolation", "size", "plain"])
def test_a_change_makes_it_anew(photos, path, change):
    before = keep(photos, path)
    old, settings = before.batch(range(5)), {}
    if change == "pixels":
        save_photo(photos[2], 99, size=(40, 30))
    elif change == "time":
        os.utime(photos[2], ns=(1, 1))
    elif change == "order":
        photos.reverse()
    else:
        settings = {change: {"interpolation": "bicubic", "size": None, "plain": True}[change]}
        settings = {"height": 16, "width": 12} if change == "size" else settings
    os.utime(path, ns=(1, 1))
    told = Heard()
    found = keep(photos, path, tracker=told, **settings)
    assert len(told.said) == 1
    assert path.stat().st_mtime_ns > 1
    assert np.array_equal(found.batch(range(5)), ImageReader(photos, **{**SIZE, **settings}).batch(range(5)))
    assert np.array_equal(old, before.batch(range(5))), "who reads the old file goes on reading it"


@pytest.mark.parametrize("damage", [0, 1, 15, 16, 17, NUM_BYTES])
def test_a_file_that_is_cut_short_is_made_anew(photos, path, damage):
    keep(photos, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - damage] if damage else whole + b"x")
    told = Heard()
    keep(photos, path, tracker=told)
    assert len(told.said) == 1
    assert path.read_bytes() == whole


def test_a_damaged_image_leaves_no_store(photos, path):
    photos[3].write_bytes(photos[3].read_bytes()[:300])
    with pytest.raises(DataError, match=r"3\.jpg is damaged"):
        ImageReader(photos, **SIZE).keep_on_disk(path, tracker=NullTracker(), description="")
    assert not list(path.parent.iterdir())
    photos[3].unlink()
    with pytest.raises(DataError, match=r"3\.jpg is missing"):
        ImageReader(photos, **SIZE).keep_on_disk(path, tracker=NullTracker(), description="")


def test_where_the_disk_has_no_room_images_are_decoded_as_they_come(photos, path, monkeypatch):
    usage = shutil.disk_usage(path.parent.parent)
    free = NUM_BYTES + 16 + store.SPARE_BYTES
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage._replace(free=free - 1))
    reader, told = ImageReader(photos, **SIZE), Heard()
    assert not reader.keep_on_disk(path, tracker=told, description="Decoding msls_val")
    assert told.said == [
        f"Decoding msls_val: 0.0 GiB of decoded images are not kept in {path.parent} (no room); "
        "they are decoded each time they are used"
    ]
    assert np.array_equal(reader.batch([1]), ImageReader(photos, **SIZE).batch([1]))
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert keep(photos, path)


def test_a_disk_that_fills_up_meanwhile_ends_nothing(photos, path, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "_settle", full)
    told = Heard()
    assert not ImageReader(photos, **SIZE).keep_on_disk(path, tracker=told, description="Decoding msls_val")
    assert "not kept" in told.said[1]
    assert "(No space left on device)" in told.said[1]
    assert not list(path.parent.iterdir())


KILLED = """
import sys
from pathlib import Path
from gsv_pipeline.images import ImageReader, store
from gsv_pipeline.tracking import NullTracker

def wait(file):
    file.flush()
    print("written", flush=True)
    sys.stdin.read()

store._settle = wait
paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
ImageReader(paths, height=12, width=16).keep_on_disk(Path(sys.argv[2]), tracker=NullTracker(), description="")
"""


def test_a_killed_run_leaves_nothing_that_is_taken_for_a_store(photos, path):
    command = [sys.executable, "-c", KILLED, str(photos[0].parent), str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "written\n"
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdin.close()
    child.stdout.close()
    assert not path.exists()
    assert len(list(path.parent.iterdir())) == 1  # what it had written so far, whole or not
    keep(photos, path)
    assert list(path.parent.iterdir()) == [path]
