"""What is cached, what is computed again, and what a failed run leaves behind."""

import json
from dataclasses import replace

import pytest

from gsv_pipeline.errors import GsvError, RunError, StoppedError
from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import read_manifest, why_stale
from gsv_pipeline.production import Output
from gsv_pipeline.standing.leftovers import failure_of
from tests.production.making import files_below, make, never, writes
from tests.trackers import Heard


def test_a_made_artifact_is_cached_with_the_same_result(layout, catalog):
    made = make(layout, catalog)
    tracker = Heard()
    again = make(layout, catalog, never, tracker)
    assert (made.cached, again.cached) == (False, True)
    assert (again.artifact, again.data_version, again.metadata) == (made.artifact, made.data_version, {"images": 3})
    assert tracker.said == [f"catalog/demo: unchanged, made {read_manifest(catalog.path).created}"]


def test_only_the_artifact_and_its_lock_are_left(layout, catalog):
    make(layout, catalog)
    expected = [".locks/catalog.demo.lock", "catalog/demo/manifest.json", "catalog/demo/table.txt"]
    assert files_below(layout.root) == expected
    assert holder(layout.lock(catalog.path)) is None


def test_forcing_computes_again(layout, catalog):
    make(layout, catalog)
    assert not make(layout, catalog, force=True).cached


def test_equal_output_has_an_equal_data_version_whatever_the_settings(layout, catalog):
    first = make(layout, catalog)
    same = make(layout, replace(catalog, config={"size": 2}))
    other = make(layout, replace(catalog, config={"size": 3}), writes("other rows"))
    assert first.data_version == same.data_version != other.data_version


def test_a_writer_may_name_the_files_or_the_version_that_count(layout, catalog):
    def stamped(text):
        def write(folder):
            (folder / "stamp.txt").write_text(text)
            (folder / "table.txt").write_text("rows")
            return Output({}, version_files=("table.txt",))

        return write

    first = make(layout, catalog, stamped("Monday"))
    assert make(layout, catalog, stamped("Tuesday"), force=True).data_version == first.data_version
    known = make(layout, catalog, lambda folder: Output({}, version="known"), force=True)
    assert known.data_version == "known"


def test_a_failed_stage_keeps_the_old_artifact_and_says_why(layout, catalog):
    make(layout, catalog)
    changed = replace(catalog, config={"size": 2})

    def fail(folder):
        (folder / "half.txt").write_text("half")
        raise RunError("the loss is not finite")

    with pytest.raises(RunError, match="not finite"):
        make(layout, changed, fail)
    assert why_stale(layout, catalog) is None
    assert not layout.partial(catalog.path).exists()
    record = json.loads(layout.failure(catalog.path).read_text())
    assert (record["key"], record["error"], record["message"]) == ("catalog/demo", "RunError", "the loss is not finite")
    make(layout, changed)
    assert not layout.failure(catalog.path).exists()


def test_the_replaced_artifact_is_kept_on_request(layout, catalog):
    make(layout, catalog, writes("old"))
    make(layout, catalog, writes("new"), force=True, keep_previous=True)
    heard = Heard()
    make(layout, catalog, writes("newest"), heard, force=True, keep_previous=True)
    assert any(text.startswith(f"{layout.previous(catalog.path)} (made ") for text in heard.said)
    assert (catalog.path / "table.txt").read_text() == "newest"
    assert (layout.previous(catalog.path) / "table.txt").read_text() == "new"
    make(layout, catalog, writes("last"), force=True)
    assert not layout.previous(catalog.path).exists()


def test_a_stop_of_any_kind_is_noted_as_one(layout, catalog):
    class InterruptedByTheOrchestrator(BaseException):
        """Not of ours, and no Exception."""

    for stop in (KeyboardInterrupt, StoppedError, InterruptedByTheOrchestrator):

        def write(folder, stop=stop):
            raise stop

        with pytest.raises(stop):
            make(layout, catalog, write)
        record = failure_of(layout, catalog.path)
        assert record.was_stopped
        assert record.message in ("interrupted", "stopped")


def test_other_errors_are_left_as_they_are(layout, catalog):
    def write(folder):
        raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        make(layout, catalog, write)
    assert json.loads(layout.failure(catalog.path).read_text())["error"] == "ZeroDivisionError"


def test_an_error_of_this_project_is_not_reworded(layout, catalog):
    def write(folder):
        raise RunError("worker 2 died: No space left on device")

    with pytest.raises(GsvError, match="^worker 2 died"):
        make(layout, catalog, write)
