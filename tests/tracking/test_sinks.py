"""Console, files, a Dagster log and several at once."""

import io
import json
import math

import numpy as np
import pytest
import tqdm

from gsv_pipeline.tracking import NullTracker, Trackers, dagster_log
from gsv_pipeline.tracking.console import ConsoleTracker
from gsv_pipeline.tracking.csv_log import CsvTracker
from gsv_pipeline.tracking.dagster_log import DagsterLogTracker
from gsv_pipeline.tracking.files import JsonLinesTracker


class Recording(NullTracker):
    """Notes every call in a list that may be shared."""

    def __init__(self, name="", calls=None):
        self.name, self.calls = name, calls if calls is not None else []

    def message(self, text):
        self.calls.append((self.name, "message", text))

    def log(self, metrics, step):
        self.calls.append((self.name, "log", dict(metrics), step))

    def table(self, name, columns, rows):
        self.calls.append((self.name, "table", name, list(columns), [list(row) for row in rows]))

    def picture(self, name, path, step):
        self.calls.append((self.name, "picture", name, path, step))

    def artifact(self, name, path, kind, *, metadata=None):
        self.calls.append((self.name, "artifact", name, path, kind, metadata))


class Log:
    def __init__(self):
        self.lines = []

    def info(self, msg):
        self.lines.append(msg)


def tell_everything(tracker, path):
    tracker.message("Rendering")
    tracker.log({"train/loss": 0.5}, 3)
    tracker.table("recall", ["method", "R@1"], iter([["demo", 0.8]]))
    tracker.picture("demo_val/retrievals", path / "gallery.jpg", 3)
    tracker.artifact("model", path, "model", metadata={"R@1": 0.8})
    with tracker.progress("Describing", total=4) as bar:
        bar.advance()
        bar.advance(3, loss=0.25)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: NullTracker(),
        lambda path: ConsoleTracker(io.StringIO()),
        lambda path: JsonLinesTracker(path / "log.jsonl"),
        lambda path: CsvTracker(path / "log.csv"),
        lambda path: DagsterLogTracker(Log()),
        lambda path: Trackers(NullTracker(), NullTracker()),
        lambda path: Trackers(),
    ],
    ids=["null", "console", "lines", "table", "dagster", "several", "none"],
)
def test_every_tracker_takes_everything(tmp_path, make):
    tell_everything(make(tmp_path), tmp_path)


def test_several_trackers_are_told_in_order_even_from_a_generator(tmp_path):
    calls = []
    tell_everything(Trackers(Recording("a", calls), Recording("b", calls)), tmp_path)
    assert [call[:2] for call in calls] == [
        (name, kind) for kind in ("message", "log", "table", "picture", "artifact") for name in "ab"
    ]
    tables = [call[2:] for call in calls if call[1] == "table"]
    assert tables == [("recall", ["method", "R@1"], [["demo", 0.8]])] * 2
    assert calls[-1] == ("b", "artifact", "model", tmp_path, "model", {"R@1": 0.8})


def test_several_bars_advance_together_and_close_when_the_work_fails():
    streams = io.StringIO(), io.StringIO()

    def work():
        with Trackers(*map(ConsoleTracker, streams)).progress("Describing", total=4) as bar:
            bar.advance(2)
            raise RuntimeError("work")

    with pytest.raises(RuntimeError, match="work"):
        work()
    assert [" 2/4 " in stream.getvalue() for stream in streams] == [True, True]
    assert not tqdm.tqdm._instances


def test_the_console_off_a_terminal_writes_few_whole_lines():
    stream = io.StringIO()
    tracker = ConsoleTracker(stream)
    tracker.message("Using photographs where they lie")
    with tracker.progress("Describing", total=1000, unit="image") as bar:
        for _ in range(1000):
            bar.advance(loss=0.1234)
    text = stream.getvalue()
    assert text.startswith("Using photographs where they lie\n")
    assert "Describing: 100%" in text
    assert "1000/1000" in text
    assert "loss=0.123" in text
    assert text.count("\r") < 5  # not a line per image


def test_the_console_on_a_terminal_shows_a_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with ConsoleTracker(stream).progress("Describing", total=3) as bar:
        bar.advance(3)
    assert "3/3" in stream.getvalue()


def test_the_console_writes_to_standard_error(capsys):
    ConsoleTracker().message("Hello")
    with ConsoleTracker().progress("Describing", total=1) as bar:
        bar.advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Hello\n")
    assert "1/1" in captured.err


def test_numbers_are_appended_a_line_each(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    JsonLinesTracker(path).message("nothing to keep")
    assert not path.parent.exists()
    JsonLinesTracker(path).log({"train/loss": 0.5, "train/b_acc": 1.0}, 1)
    tracker = JsonLinesTracker(path)  # a resumed run goes on in the same file
    tracker.log({"demo_val/R@1": 0.8}, 2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 1, "train/loss": 0.5, "train/b_acc": 1.0}, {"step": 2, "demo_val/R@1": 0.8}]


def test_a_line_may_be_read_by_any_json_reader(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tracker = JsonLinesTracker(path)
    tracker.log({"train/loss": math.nan, "train/gradient_norm": math.inf, "train/rate": np.float32(0.5)}, 1)
    tracker.picture("demo_val/retrievals", tmp_path / "gallery.jpg", 1)
    first, second = path.read_text().splitlines()
    assert first == '{"step": 1, "train/loss": null, "train/gradient_norm": null, "train/rate": 0.5}'
    assert json.loads(second) == {"step": 1, "demo_val/retrievals": str(tmp_path / "gallery.jpg")}


def test_half_a_line_spoils_no_other(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "train/loss": 0.5}\n{"step": 2, "trai')
    JsonLinesTracker(path).log({"train/loss": 0.25}, 2)
    lines = path.read_text().splitlines()
    assert json.loads(lines[-1]) == {"step": 2, "train/loss": 0.25}
    assert len(lines) == 3


def test_a_log_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path, caplog):
    (tmp_path / "file").touch()
    tracker = JsonLinesTracker(tmp_path / "file" / "metrics.jsonl")
    for step in range(3):
        tracker.log({"train/loss": 0.5}, step)
    assert len(caplog.records) == 1
    assert "metrics.jsonl cannot be written (" in caplog.text


def test_a_run_log_says_where_a_picture_lies(tmp_path):
    log = Log()
    DagsterLogTracker(log).picture("demo_val/retrievals", tmp_path / "gallery.jpg", 40)
    assert log.lines == [f"demo_val/retrievals at step 40: {tmp_path / 'gallery.jpg'}"]


def test_a_run_log_gets_messages_at_once_and_progress_at_intervals(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(dagster_log.time, "monotonic", lambda: clock[0])
    log = Log()
    tracker = DagsterLogTracker(log)
    tracker.message("Rendering")
    with tracker.progress("Describing", total=100, unit="image") as bar:
        for _ in range(40):
            clock[0] += 1
            bar.advance(1, loss=0.5)
    assert log.lines == [
        "Rendering",
        "Describing: 15 of 100 (1.0 image/s, 85 s left, loss 0.500)",
        "Describing: 30 of 100 (1.0 image/s, 70 s left, loss 0.500)",
    ]


def test_a_run_log_waits_for_the_first_item(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(dagster_log.time, "monotonic", lambda: clock[0])
    log = Log()
    with DagsterLogTracker(log).progress("Training", total=10, unit="step") as bar:
        clock[0] += 60
        bar.advance(0)  # a run that resumes at step 0
        assert log.lines == []
        bar.advance()
    assert log.lines == ["Training: 1 of 10 (0.0 step/s, 540 s left)"]
