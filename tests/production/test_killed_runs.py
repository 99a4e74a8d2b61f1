"""What killed runs leave behind, and which of two runs makes an artifact."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import why_stale
from tests.production.making import files_below, make, never, writes

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
    said = [process.communicate(timeout=120)[0].splitlines() for process in (first, second)]
    assert waiting.startswith(f"catalog/demo: another run makes it (process {first.pid}, since ")
    assert said[0] == ["cached False"]
    assert said[1][0].startswith("catalog/demo: unchanged, made ")
    assert said[1][1:] == ["cached True"]
