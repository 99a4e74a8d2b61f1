"""A tiny demo data set on disk: layout, repeatability, worker processes and their failures."""

import csv
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.sources.demo import TEST_CITY, TRAINING_CITIES, VALIDATION_CITY, crew
from gsv_pipeline.sources.demo.dataset import render_demo
from gsv_pipeline.sources.demo.plan import Sizes
from gsv_pipeline.sources.demo.worker import serve
from gsv_pipeline.sources.published import COLUMNS
from gsv_pipeline.tracking import NullTracker

TINY = {"places": 2, "images": 2, "validation_queries": 2, "test_queries": 3, "width": 80, "height": 60}
TINY_IMAGES = 3 * 2 * 2 + (2 * 3 + 2) + (3 * 3 + 3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("demo") / "not" / "there" / "yet"
    render_demo(target, workers=1, sizes=Sizes(**TINY))
    return target


def rows_of(target: Path, city: str) -> list[dict[str, str]]:
    with (target / "Dataframes" / f"{city}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def snapshot(target: Path) -> dict[str, tuple[str, int, float]]:
    """Content, size and time of every file."""
    return {
        path.relative_to(target).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_size,
            path.stat().st_mtime,
        )
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }


def test_every_row_has_its_file_and_every_file_its_row(tiny: Path) -> None:
    named = set()
    for city in (*TRAINING_CITIES, VALIDATION_CITY, TEST_CITY):
        rows = rows_of(tiny, city)
        assert tuple(rows[0]) == COLUMNS
        assert {row["city_id"] for row in rows} == {city}
        for row in rows:
            when = f"{row['year']}_{int(row['month']):02d}_{int(row['northdeg']):03d}"
            where = f"{row['lat']}_{row['lon']}_{row['panoid']}"
            named.add(f"Images/{city}/{city}_{int(row['place_id']):07d}_{when}_{where}.JPG")
    assert named == {path.relative_to(tiny).as_posix() for path in tiny.glob("Images/*/*")}
    assert len(named) == TINY_IMAGES


def test_images_are_jpegs_of_the_asked_size_that_show_something(tiny: Path) -> None:
    for path in tiny.glob("Images/*/*.JPG"):
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert image.size == (80, 60)
            low, high = image.convert("L").getextrema()
        assert high - low > 60, path.name


def test_a_file_has_the_date_of_its_photograph(tiny: Path) -> None:
    for row in rows_of(tiny, TEST_CITY):
        (path,) = tiny.glob(f"Images/{TEST_CITY}/*{row['panoid']}.JPG")
        taken = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        assert (taken.year, taken.month) == (int(row["year"]), int(row["month"]))


def test_worker_processes_write_the_same_files_as_none(tiny: Path, tmp_path: Path) -> None:
    render_demo(tmp_path, workers=2, sizes=Sizes(**TINY))
    assert snapshot(tmp_path) == snapshot(tiny)


def test_another_seed_is_another_city(tiny: Path, tmp_path: Path) -> None:
    few = TINY | {"places": 1, "images": 1, "validation_queries": 1, "test_queries": 1}
    render_demo(tmp_path, seed=2, workers=1, sizes=Sizes(**few))
    assert not set(snapshot(tmp_path)) & {name for name in snapshot(tiny) if name.endswith("JPG")}


class _Counting(NullTracker):
    def __init__(self) -> None:
        self.totals: list[int] = []
        self.done = 0

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator["_Counting"]:
        assert description == "Rendering the demo city"
        self.totals.append(total)
        yield self

    def advance(self, count: int = 1, **shown: float) -> None:
        self.done += count


def test_progress_counts_every_image(tmp_path: Path) -> None:
    tracker = _Counting()
    few = TINY | {"places": 1, "validation_queries": 1, "test_queries": 1, "width": 32, "height": 32}
    render_demo(tmp_path, workers=1, tracker=tracker, sizes=Sizes(**few))
    assert tracker.totals == [tracker.done]
    assert tracker.done == len(list(tmp_path.glob("Images/*/*")))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes that a test's crew starts."""
    found: list[subprocess.Popen[str]] = []
    start = crew._start_worker

    def remember() -> subprocess.Popen[str]:
        found.append(start())
        return found[-1]

    monkeypatch.setattr(crew, "_start_worker", remember)
    return found


def crew_of_two(target: Path, *, city: str = TEST_CITY) -> list[int]:
    tasks = [(city, 0), (city, 1), (city, 2)]
    return list(crew.render_in_processes(tasks, target=target, sizes=Sizes(**TINY), seed=1, workers=2))


def test_a_failing_worker_is_a_clear_error_and_leaves_no_process(
    started: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"(?s)render process of the demo city failed.*KeyError: 'Atlantis'"):
        crew_of_two(tmp_path, city="Atlantis")
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_a_worker_that_cannot_write_says_where(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory.*nowhere"):
        crew_of_two(tmp_path / "nowhere")
    assert all(process.returncode is not None for process in started)


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written to .*file.*Expected a writable folder with room for 1 MB"):
        render_demo(tmp_path / "file" / "demo", workers=1, sizes=Sizes(**TINY))


def test_a_killed_worker_is_a_clear_error_and_leaves_no_process(
    started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "suicidal.py").write_text("import os, signal\ninput()\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(crew, "WORKER", "suicidal")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RunError, match="ended with code -9") as caught:
        crew_of_two(tmp_path)
    assert caught.value.details == {"exit_code": -9}
    assert all(process.returncode is not None for process in started)


def test_a_place_given_to_a_process_that_has_ended_is_left_to_its_listener() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, text=True)
    process.wait()
    crew._send(process, "a line that nobody reads")
    crew._close(process)
    assert process.stdin is not None
    assert process.stdin.closed


def test_stopping_in_the_middle_leaves_no_process(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    class Stops(_Counting):
        def advance(self, count: int = 1, **shown: float) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_demo(tmp_path, workers=2, tracker=Stops(), sizes=Sizes(**TINY))
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_a_worker_answers_each_place_and_ends_with_its_input(tmp_path: Path) -> None:
    (tmp_path / "Images" / TEST_CITY).mkdir(parents=True)
    setting = (
        f'{{"target": "{tmp_path.as_posix()}", "seed": 1, "sizes": {{"width": 32, "height": 32, "test_queries": 1}}}}'
    )
    replies = StringIO()
    serve(StringIO(f'{setting}\n["{TEST_CITY}", 0]\n["{TEST_CITY}", 99]\n["{TEST_CITY}", 1]\n'), replies)
    done, failed = replies.getvalue().splitlines()
    assert done == f'{{"images": {len(list(tmp_path.glob("Images/*/*")))}}}'
    assert "IndexError" in failed


def test_a_worker_whose_parent_is_gone_stops_quietly(tmp_path: Path) -> None:
    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    (tmp_path / "Images" / TEST_CITY).mkdir(parents=True)
    setting = (
        f'{{"target": "{tmp_path.as_posix()}", "seed": 1, "sizes": {{"width": 32, "height": 32, "test_queries": 1}}}}'
    )
    serve(StringIO(f'{setting}\n["{TEST_CITY}", 0]\n["{TEST_CITY}", 1]\n'), Gone())
    assert len(list(tmp_path.glob("Images/*/*"))) <= 4


def test_the_worker_module_imports_no_heavy_package() -> None:
    heavy = "{'torch', 'pandas', 'dagster', 'matplotlib', 'faiss'}"
    code = f"import sys, {crew.WORKER}; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
