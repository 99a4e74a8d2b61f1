"""Descriptors under way: what is noted, what is left to do, and who does it."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.embeddings import work
from gsv_pipeline.embeddings.shards import Shard
from gsv_pipeline.embeddings.work import Extraction
from gsv_pipeline.errors import DataError

ROWS, SIZE = 23, 5
VALUES = np.random.default_rng(0).normal(size=(ROWS, SIZE)).astype(np.float32)


ALONE = Shard()


def opened(folder, *, batch_size=4, shard=ALONE, rows=ROWS):
    return Extraction(folder, "database", rows=rows, batch_size=batch_size, shard=shard)


def fill(extraction, batches=None, problems=None):
    for batch in extraction.pending()[:batches]:
        extraction.write(batch, VALUES[batch.start : batch.stop], problems or {})


@given(st.integers(0, 60), st.integers(1, 9))
def test_shares_hold_every_batch_once_and_differ_by_one(batches, size):
    shares = [Shard(rank, size).share(batches) for rank in range(size)]
    assert [batch for share in shares for batch in share] == list(range(batches))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_what_was_written_is_what_numpy_would_write(tmp_path):
    extraction = opened(tmp_path)
    fill(extraction)
    extraction.close()
    np.save(tmp_path / "whole.npy", VALUES)
    assert extraction.path.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert extraction.done_rows == ROWS
    assert extraction.pending() == []


def test_an_interrupted_run_goes_on_after_its_last_note(tmp_path):
    first = opened(tmp_path)
    fill(first, 2)
    first.close()
    again = opened(tmp_path)
    assert [(batch.start, batch.stop) for batch in again.pending()] == [(8, 12), (12, 16), (16, 20), (20, 23)]
    fill(again)
    again.close()
    assert np.array_equal(np.load(again.path), VALUES)


def test_a_note_waits_until_the_disk_has_the_rows(tmp_path, monkeypatch):
    happened = []
    monkeypatch.setattr(os, "fsync", lambda file: happened.append("fsync"))
    monkeypatch.setattr(work, "write_json", lambda path, value: happened.append(("note", value["done"])))
    monkeypatch.setattr(work, "_agreed", lambda path, plan: plan["batch_size"])
    monkeypatch.setattr(work, "NOTE_EVERY_S", 0.0)
    extraction = opened(tmp_path)
    fill(extraction, 2)
    assert happened[0::2] == ["fsync"] * (len(happened) // 2)
    assert [name for name, _ in happened[1::2]] == ["note"] * (len(happened) // 2)


def test_what_was_not_noted_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "NOTE_EVERY_S", 1e9)
    fill(opened(tmp_path), 3)  # never closed: killed
    assert len(opened(tmp_path).pending()) == 6


def test_notes_stay_short_however_many_batches_there_are(tmp_path):
    extraction = opened(tmp_path, batch_size=1)
    fill(extraction)
    extraction.close()
    note = json.loads((tmp_path / "database.rank0of1.json").read_text())
    assert note["done"] == [[0, ROWS]]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.integers(0, 4))
def test_other_numbers_of_processes_finish_what_some_began(tmp_path_factory, before, after, batch_size, batches):
    folder = tmp_path_factory.mktemp("work")
    for rank in range(before):
        extraction = opened(folder, batch_size=batch_size, shard=Shard(rank, before))
        fill(extraction, batches)
        extraction.close()
    described = opened(folder, batch_size=batch_size).done_rows
    left = 0
    for rank in range(after):
        extraction = opened(folder, batch_size=batch_size, shard=Shard(rank, after))
        left += sum(map(len, extraction.pending()))
        fill(extraction)
        extraction.close()
    assert described + left == ROWS
    assert np.array_equal(np.load(extraction.path), VALUES)


def test_whoever_comes_first_decides_how_large_batches_are(tmp_path):
    assert opened(tmp_path, batch_size=4).batch_size == 4
    assert opened(tmp_path, batch_size=7, shard=Shard(1, 2)).batch_size == 4
    assert not list(tmp_path.glob(".*")), "nothing else is left of the agreement"


def test_notes_about_other_images_are_refused(tmp_path):
    opened(tmp_path)
    with pytest.raises(DataError, match=f"is about {ROWS} images, and there are 9. Remove "):
        opened(tmp_path, rows=9)


def test_broken_rows_of_all_processes_are_known_to_all(tmp_path):
    for rank in (1, 0):
        extraction = opened(tmp_path, shard=Shard(rank, 2))
        batch = extraction.pending()[0]
        extraction.write(batch, VALUES[batch.start : batch.stop], {batch.start: f"problem {batch.start}"})
        extraction.close()
    assert opened(tmp_path).broken == {0: "problem 0", 12: "problem 12"}


def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    def refused(source, target):
        raise OSError("links are not supported")

    monkeypatch.setattr(os, "link", refused)
    assert opened(tmp_path).batch_size == 4
    extraction = opened(tmp_path, batch_size=4)
    fill(extraction)
    extraction.close()
    assert np.array_equal(np.load(extraction.path), VALUES)
