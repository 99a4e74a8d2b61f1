"""Batches of images: in order, from files or from memory, read ahead into buffers that are used again."""

import itertools
import threading

import numpy as np
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader, reader, workers
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo

SIZE = {"height": 12, "width": 16}


@pytest.fixture
def photos(tmp_path):
    return [save_photo(tmp_path / f"{number}.jpg", number, size=(40, 30)) for number in range(7)]


def one_by_one(photos, rows):
    return np.concatenate([ImageReader(photos, **SIZE).batch([row]) for row in rows])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_batch_has_the_order_of_its_rows(photos, threads, plain):
    found = ImageReader(photos, **SIZE, threads=threads, plain=plain).batch([5, 0, 5])
    assert found.shape == (3, 12, 16, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found[0], found[2])
    for image, row in zip(found, [5, 0, 5], strict=True):
        assert np.array_equal(image, ImageReader(photos, **SIZE, plain=plain).batch([row])[0])


def test_a_batch_can_be_read_into_memory_that_is_there(photos):
    room = np.full((4, 12, 16, 3), 9, dtype=np.uint8)
    assert np.shares_memory(ImageReader(photos, **SIZE).batch([3, 1], out=room[1:3]), room)
    assert np.array_equal(room[1:3], one_by_one(photos, [3, 1]))
    assert (room[[0, 3]] == 9).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_batches_of_any_length_come_in_order(photos, threads):
    rows = [[6, 0], np.array([1, 1, 1, 4, 2]), range(3), [], [5]]
    found = [images.copy() for images in ImageReader(photos, **SIZE, threads=threads).batches(rows)]
    assert [len(images) for images in found] == [2, 5, 3, 0, 1]
    for images, wanted in zip(found, rows, strict=True):
        if len(wanted):
            assert np.array_equal(images, one_by_one(photos, wanted))


def test_buffers_are_used_again_and_not_before_the_next_batch_is_asked_for(photos):
    kept = []
    for number, images in enumerate(ImageReader(photos, **SIZE).batches([[row % 7] for row in range(20)])):
        kept.append(images)
        assert np.array_equal(images, one_by_one(photos, [number % 7]))
    assert len({images.__array_interface__["data"][0] for images in kept}) == 2


def test_the_next_batch_is_read_while_the_caller_works(photos, monkeypatch):
    seen, read = [], reader.FilePixels.read_into
    arrived = threading.Event()

    def watched(self, rows, out):
        read(self, rows, out)
        seen.extend(rows)
        if 1 in seen:
            arrived.set()

    monkeypatch.setattr(reader.FilePixels, "read_into", watched)
    batches = ImageReader(photos, **SIZE).batches([[row] for row in range(5)])
    next(batches)
    assert arrived.wait(60)
    assert sorted(seen) == [0, 1]
    assert len(list(batches)) == 4


def test_the_threads_of_a_reader_are_not_made_anew(photos):
    def running():
        return {thread for thread in threading.enumerate() if thread.name.startswith("images")}

    others, threads = running(), set()
    own = ImageReader(photos, **SIZE, threads=2)
    for _ in range(3):
        for _ in own.batches([[0, 1, 2, 3]] * 3):
            threads |= running() - others
    assert 1 <= len(threads) <= 2


def test_a_damaged_image_is_reported_with_its_batch_and_by_its_first_row(photos):
    for number in (3, 5, 6):
        photos[number].write_bytes(b"")
    for threads in (1, 4):
        batches = ImageReader(photos, **SIZE, threads=threads).batches([[0, 1], [2], [4, 6, 5, 3], [1]])
        assert [len(next(batches)), len(next(batches))] == [2, 1]
        with pytest.raises(DataError, match=r"6\.jpg is empty"):
            next(batches)
        assert next(batches, None) is None


def test_batches_that_nobody_waits_for_are_not_read(photos, monkeypatch):
    count, read, closed = itertools.count(), reader.FilePixels.read_into, threading.Event()

    def counted(self, rows, out):
        if next(count) >= 4:  # of the second batch: two images at once, seven a batch
            assert closed.wait(60)
        read(self, rows, out)

    monkeypatch.setattr(reader.FilePixels, "read_into", counted)
    own = ImageReader(photos, **SIZE, threads=1)
    batches = own.batches([range(7)] * 9)
    next(batches)
    batches.close()
    closed.set()
    own._pool.shutdown(wait=True)
    assert next(count) <= 5


def test_beside_training_on_a_cpu_only_free_processors_read(monkeypatch):
    import torch

    monkeypatch.setattr(workers, "processors", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for busy, left in ((7, 1), (5, 3), (8, 6), (12, 6), (1, 6)):
        monkeypatch.setattr(torch, "get_num_threads", lambda busy=busy: busy)
        assert workers.beside_torch(6) == left
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert workers.beside_torch(6) == 6


def test_decoding_everything_moves_a_bar_to_its_end(photos, monkeypatch):
    monkeypatch.setattr(reader, "_BLOCK", 3)
    shown = []

    class Counting(NullTracker):
        def progress(self, description, total, unit="image"):
            shown.append((description, total))
            return _Bar(shown)

    ImageReader(photos, **SIZE).decode_all(Counting(), "Decoding demo")
    assert shown == [("Decoding demo", 7), 3, 3, 1]


class _Bar:
    def __init__(self, shown):
        self._shown = shown

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def advance(self, count=1, **_):
        self._shown.append(count)


def test_images_decoded_beforehand_are_those_decoded_as_they_come(photos):
    lazy = ImageReader(photos, height=12, width=16, threads=2)
    eager = ImageReader(photos, height=12, width=16, threads=2)
    eager.decode_all(NullTracker(), "Decoding")
    for path in photos:
        path.unlink()  # nothing is read again
    rows = np.array([6, 1, 1], dtype=np.int64)
    assert len(eager) == len(lazy) == 7
    with pytest.raises(DataError):
        lazy.batch(rows)
    assert eager.batch(rows).shape == (3, 12, 16, 3)
    assert np.array_equal(eager.batch(range(1, 2))[0], eager.batch(rows)[1])


def test_a_damaged_image_stops_decoding(photos):
    photos[3].write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.jpg is empty"):
        ImageReader(photos, height=12, width=16).decode_all(NullTracker(), "Decoding")


def test_whether_images_fit_in_memory_depends_on_their_size_and_number(photos, monkeypatch):
    monkeypatch.setattr(reader, "DECODED_LIMIT_BYTES", 7 * 12 * 16 * 3)
    assert ImageReader(photos, height=12, width=16).fits_in_memory
    assert not ImageReader(photos, height=12, width=17).fits_in_memory
