"""What is fresh, what is stale and why, and what a failed, full or killed run leaves behind."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline.errors import DataError, GsvError, RunError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import (
    Recipe,
    describe_difference,
    fingerprint,
    hash_files,
    read_manifest,
    require,
    why_stale,
    write_json,
)
from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import NullTracker

PRELUDE = """
import os, signal, sys, time
from pathlib import Path
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe
from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import NullTracker
layout = Layout(Path(sys.argv[1]))
recipe = Recipe(layout.catalog("demo"), {"catalog": 1}, {"size": int(sys.argv[2])}, "gsv-pipeline catalog demo")
"""


class Heard(NullTracker):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "data")


@pytest.fixture
def catalog(layout):
    return Recipe(layout.catalog("demo"), {"catalog": 1}, {"size": 1}, "gsv-pipeline catalog demo")


@pytest.fixture
def places(layout, catalog):
    return Recipe(layout.places("demo"), {"places": 1}, {"filter": {"k": 4}}, "gsv-pipeline places demo", (catalog,))


def writes(text="rows", **metadata):
    def write(folder):
        (folder / "table.txt").write_text(text)
        return Output(metadata or {"images": 3})

    return write


def never(folder):
    pytest.fail("this should have been cached or refused")


def make(layout, recipe, write=None, tracker=None, **options):
    return produce(layout, recipe, write or writes(), tracker=tracker or NullTracker(), **options)


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


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


def test_the_manifest_says_what_the_artifact_was_made_of(layout, catalog, places):
    made = make(layout, catalog)
    make(layout, places)
    found = read_manifest(places.path)
    assert found.key == "places/demo"
    assert found.inputs == {"catalog/demo": made.data_version}
    assert found.config == {"filter": {"k": 4}}
    assert found.versions == {"places": 1}
    assert found.fingerprint == fingerprint(layout, places)
    assert found.provenance["python"]
    assert found.wall_seconds >= 0


def test_forcing_computes_again(layout, catalog):
    make(layout, catalog)
    assert not make(layout, catalog, force=True).cached


def test_equal_output_has_an_equal_data_version_whatever_the_settings(layout, catalog):
    first = make(layout, catalog)
    same = make(layout, replace(catalog, config={"size": 2}))
    other = make(layout, replace(catalog, config={"size": 3}), writes("other rows"))
    assert first.data_version == same.data_version != other.data_version


def test_an_input_that_was_made_again_alike_leaves_what_follows_fresh(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    make(layout, catalog, force=True)
    assert make(layout, places, never).cached


def test_metadata_survives_as_json_gives_it_back(layout, catalog):
    make(layout, catalog, writes(cities=("A", "B"), path=Path("x")))
    assert make(layout, catalog, never).metadata == {"cities": ["A", "B"], "path": "x"}


def test_tuples_in_settings_do_not_make_an_artifact_stale(layout, catalog):
    recipe = replace(catalog, config={"cities": ("A", "B")})
    make(layout, recipe)
    assert why_stale(layout, recipe) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config": {"size": 2}}, "it was made by another configuration (size: found 1, expected 2)"),
        ({"config": {"size": 1, "new": None}}, "configuration (new: found nothing, expected None)"),
        ({"versions": {"catalog": 2}}, "new version (catalog: found 1, expected 2)"),
        ({"versions": {"catalog": 1, "demo": 1}}, "new version (demo: found nothing, expected 1)"),
    ],
)
def test_what_makes_an_artifact_stale_is_named(layout, catalog, change, reason):
    make(layout, catalog)
    changed = replace(catalog, **change)
    assert reason in why_stale(layout, changed)
    assert not make(layout, changed).cached
    assert why_stale(layout, changed) is None


def test_a_recipe_without_settings_accepts_whatever_was_made(layout, catalog):
    make(layout, catalog)
    assert why_stale(layout, replace(catalog, config=None)) is None


def test_a_missing_artifact_is_stale(layout, catalog):
    assert why_stale(layout, catalog) == "it is missing"


def test_a_changed_input_makes_stale_what_was_made_from_it(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    make(layout, catalog, writes("more rows"), force=True)
    assert why_stale(layout, places) == "its input catalog/demo has changed"


def test_staleness_is_seen_through_the_chain(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    changed = replace(places, inputs=(replace(catalog, config={"size": 2}),))
    assert "its input catalog/demo is out of date: it was made by another config" in why_stale(layout, changed)
    shutil.rmtree(catalog.path)
    assert why_stale(layout, places) == "its input catalog/demo is missing"


def test_an_artifact_of_other_inputs_is_stale(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    assert why_stale(layout, replace(places, inputs=())) == "it was made from other inputs (catalog/demo)"
    make(layout, replace(places, inputs=()), force=True)
    assert why_stale(layout, places) == "its input catalog/demo has changed"


@pytest.mark.parametrize("state", ["missing", "stale"])
def test_a_stage_refuses_an_input_that_is_missing_or_stale_and_names_the_command(layout, catalog, places, state):
    make(layout, catalog)
    make(layout, places)
    if state == "missing":
        shutil.rmtree(catalog.path)
    else:
        places = replace(places, inputs=(replace(catalog, config={"size": 2}),))
    with pytest.raises(StaleInputError) as caught:
        make(layout, places, never)
    assert str(caught.value).startswith("'catalog/demo' is needed, but it ")
    assert str(caught.value).endswith("Run: gsv-pipeline catalog demo")
    assert caught.value.details["artifact"] == "catalog/demo"
    assert (places.path / "table.txt").is_file()


def test_of_a_chain_that_is_out_of_date_the_first_command_is_named_too(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    checkpoint = Recipe(layout.checkpoint("demo"), {"training": 1}, {}, "gsv-pipeline train demo", (places,))
    shutil.rmtree(catalog.path)
    with pytest.raises(
        StaleInputError, match=r"Run: gsv-pipeline places demo\. Begin with .*: gsv-pipeline catalog demo$"
    ):
        make(layout, checkpoint, never)


def test_a_fresh_input_is_handed_over(layout, catalog):
    made = make(layout, catalog)
    assert require(layout, catalog).data_version == made.data_version


def test_an_input_that_is_replaced_during_the_work_leaves_a_stale_output(layout, catalog, places):
    make(layout, catalog)

    def write(folder):
        make(layout, catalog, writes("meanwhile"), force=True)
        return writes()(folder)

    make(layout, places, write)
    assert why_stale(layout, places) == "its input catalog/demo has changed"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"key": "catalog/demo", "colour": 1}', "\0"])
def test_a_manifest_that_is_none_is_refused_with_what_to_do(layout, catalog, text):
    make(layout, catalog)
    (catalog.path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a readable manifest .*Remove the folder .*catalog/demo and make it"):
        read_manifest(catalog.path)


def test_a_file_in_place_of_an_artifact_has_no_manifest(tmp_path):
    (tmp_path / "file").touch()
    assert read_manifest(tmp_path / "file") is None


def test_the_fingerprint_follows_settings_versions_and_inputs(layout, catalog, places):
    make(layout, catalog)
    before = fingerprint(layout, places)
    assert fingerprint(layout, places) == before
    others = [
        fingerprint(layout, replace(places, config={"filter": {"k": 5}})),
        fingerprint(layout, replace(places, versions={"places": 2})),
    ]
    make(layout, catalog, writes("more rows"), force=True)
    others.append(fingerprint(layout, places))
    assert len({before, *others}) == 4


def test_the_hash_of_files_follows_names_and_bytes_and_leaves_the_manifest_out(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("2")
    before = hash_files(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert hash_files(tmp_path) == before
    assert hash_files(tmp_path, ("a",)) == hash_files(tmp_path, ["a", "manifest.json"]) != before
    (tmp_path / "a").rename(tmp_path / "c")
    renamed = hash_files(tmp_path)
    (tmp_path / "c").write_text("3")
    assert len({before, renamed, hash_files(tmp_path)}) == 3


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


def start(script, layout, size):
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(layout.root), str(size)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_run_killed_in_the_middle_leaves_the_old_artifact_and_the_next_recovers(layout, catalog):
    make(layout, catalog, writes("old"))
    killed = start(
        """
def write(folder):
    (folder / "half.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
produce(layout, recipe, write, tracker=NullTracker())
""",
        layout,
        size=2,
    )
    assert holder(layout.lock(catalog.path))["pid"] == killed.pid
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (layout.partial(catalog.path) / "half.txt").is_file()
    assert holder(layout.lock(catalog.path)) is None
    assert why_stale(layout, catalog) is None
    assert (catalog.path / "table.txt").read_text() == "old"
    changed = replace(catalog, config={"size": 2})
    assert not make(layout, changed, writes("new")).cached
    assert files_below(layout.root / "catalog") == ["demo/manifest.json", "demo/table.txt"]


def test_a_run_killed_between_the_two_renames_loses_nothing(layout, catalog):
    make(layout, catalog, writes("old"))
    killed = start(
        """
rename = Path.rename
def strike(path, target):
    if path == layout.partial(recipe.path):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
Path.rename = strike
def write(folder):
    (folder / "table.txt").write_text("new")
    print("writing", flush=True)
    return Output({})
produce(layout, recipe, write, tracker=NullTracker())
""",
        layout,
        size=2,
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not catalog.path.exists()
    assert make(layout, catalog, never).cached  # the old artifact is put back, and is what this recipe makes
    assert files_below(layout.root / "catalog") == ["demo/manifest.json", "demo/table.txt"]
    assert (catalog.path / "table.txt").read_text() == "old"


@pytest.mark.parametrize("force", [False, True])
def test_of_two_runs_that_want_one_artifact_the_second_waits_and_finds_it_fresh(layout, force):
    script = (
        f"""
force = {force}
"""
        + """
class Tracker(NullTracker):
    def message(self, text):
        print(text, flush=True)
def write(folder):
    print("writing", flush=True)
    while not (layout.root / "go").exists():
        time.sleep(0.01)
    (folder / "table.txt").write_text("rows")
    return Output({})
print("cached", produce(layout, recipe, write, tracker=Tracker(), force=force).cached, flush=True)
"""
    )
    first = start(script, layout, size=1)
    command = [sys.executable, "-c", PRELUDE + script, str(layout.root), "1"]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    waiting = second.stdout.readline()
    (layout.root / "go").touch()
    said = [process.communicate(timeout=30)[0].splitlines() for process in (first, second)]
    assert waiting.startswith(f"catalog/demo: another run makes it (process {first.pid}, since ")
    assert said[0] == ["cached False"]
    assert said[1][0].startswith("catalog/demo: unchanged, made ")
    assert said[1][1:] == ["cached True"]


def test_differences_are_told_by_dotted_name_and_at_most_three():
    found = {"training": {"epochs": 3, "loss": {"name": "a"}}, "seed": 1}
    expected = {"training": {"epochs": 30, "loss": {"name": "b"}}, "seed": 1}
    assert describe_difference(found, expected) == (
        "training.epochs: found 3, expected 30; training.loss.name: found a, expected b"
    )
    assert describe_difference(found, found) == ""
    assert describe_difference({"a": (1, 2)}, {"a": [1, 2]}) == ""
    assert describe_difference({}, dict.fromkeys("abcde", 1)).count("expected") == 3


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "facts.json", {"city": "Zürich", "k": {"1": 0.5}})
    written = (tmp_path / "facts.json").read_text(encoding="utf-8")
    assert written == '{\n "city": "Zürich",\n "k": {\n  "1": 0.5\n }\n}\n'
