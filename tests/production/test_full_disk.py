"""A disk that is full, read-only or gone is said in words and costs nothing of what was there."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.manifest import why_stale, write_json
from gsv_pipeline.production import Output
from tests.production.making import files_below, make


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error in write: could not write: No space left on device (os error 28)"),
    ],
    ids=["disk", "quota", "library"],
)
def test_a_full_disk_is_said_in_words_and_costs_nothing(layout, catalog, error):
    make(layout, catalog)

    def write(folder):
        (folder / "half.npy").write_bytes(b"half")
        raise error

    with pytest.raises(DataError, match=r"The disk of the data root .*data is full \(\d+ MB free\)") as caught:
        make(layout, catalog, write, force=True)
    assert "What was there before is untouched" in str(caught.value)
    assert caught.value.__cause__ is error
    assert files_below(layout.root / "catalog") == ["demo.failed.json", "demo/manifest.json", "demo/table.txt"]
    assert why_stale(layout, catalog) is None


@pytest.mark.parametrize(
    "error",
    [
        OSError("100000 requested and 39920 written"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
    ],
    ids=["numpy", "torch"],
)
@pytest.mark.parametrize(("free", "raised"), [(4096, DataError), (10**9, Exception)])
def test_a_library_that_hides_a_full_disk_is_understood_by_what_is_free(
    layout, catalog, monkeypatch, error, free, raised
):
    def write(folder):
        raise error

    monkeypatch.setattr(shutil, "disk_usage", lambda root: shutil._ntuple_diskusage(10**9, 10**9 - free, free))
    with pytest.raises(raised) as caught:
        make(layout, catalog, write)
    assert ("is full (0 MB free)" in str(caught.value)) == (raised is DataError)
    assert (caught.value is error) == (raised is not DataError)


def test_a_data_root_that_vanishes_does_not_hide_the_error(layout, catalog):
    def write(folder):
        shutil.rmtree(layout.root)
        raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        make(layout, catalog, write)


def test_a_disk_too_full_for_the_failure_record_still_shows_the_error(layout, catalog, monkeypatch):
    make(layout, catalog)
    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(DataError, match="is full"):
        make(layout, catalog, lambda folder: Output({}), force=True)
    monkeypatch.undo()
    assert files_below(layout.root / "catalog") == ["demo/manifest.json", "demo/table.txt"]


def test_a_disk_that_fills_while_json_is_written_leaves_no_half(tmp_path, monkeypatch):
    write_json(tmp_path / "recall.json", {"1": 0.5})

    def half(path, text, encoding):
        path.write_bytes(text[:3].encode())
        full_disk()

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space left"):
        write_json(tmp_path / "recall.json", {"1": 0.8})
    assert files_below(tmp_path) == ["recall.json"]
    assert json.loads((tmp_path / "recall.json").read_text()) == {"1": 0.5}


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_read_only_data_root_is_said_in_words(layout, catalog, monkeypatch, code):
    layout.ensure_root()
    mkdir = Path.mkdir

    def refuse(path, *args, **kwargs):
        if path == layout.partial(catalog.path):
            raise OSError(code, os.strerror(code), str(path))
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match=r"The data root .*data cannot be written: .*Make it writable, or choose"):
        make(layout, catalog)


def test_a_source_that_may_not_be_read_is_not_taken_for_the_data_root(layout, catalog, tmp_path):
    def write(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "photos" / "1.jpg"))

    with pytest.raises(DataError, match=r"photos/1\.jpg is not accessible: .*Give this user access"):
        make(layout, catalog, write)
