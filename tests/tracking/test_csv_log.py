"""The log as a table: whatever comes and goes, one row a step, and the last one counts."""

import csv
import math

import pandas as pd
import pytest

from gsv_pipeline.tracking.csv_log import CsvTracker, columns_of, read_rows, write_rows


def train(tracker, steps, loss=1.0):
    for step in steps:
        tracker.log({"train/loss": loss / step, "train/learning_rate": 0.1}, step)


def test_a_training_with_validations_is_a_table_for_pandas(tmp_path):
    path = tmp_path / "new" / "metrics.csv"
    tracker = CsvTracker(path)
    for step in range(1, 7):
        train(tracker, [step])
        if step % 3 == 0:
            tracker.log({"demo_val/R@1": step / 10, "demo_val/R@5": step / 8}, step)
    table = pd.read_csv(path)
    assert list(table) == ["step", "train/loss", "train/learning_rate", "demo_val/R@1", "demo_val/R@5"]
    assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["train/loss"].tolist() == [1 / step for step in range(1, 7)]  # every digit of them
    assert table["demo_val/R@1"].dropna().to_dict() == {2: 0.3, 5: 0.6}


def test_every_row_is_on_disk_when_it_is_logged(tmp_path):
    tracker = CsvTracker(tmp_path / "metrics.csv")
    for step in range(1, 4):
        train(tracker, [step])
        tracker.log({"demo_val/R@1": 0.5}, step)
        assert read_rows(tmp_path / "metrics.csv")[step] == {
            "train/loss": 1 / step,
            "train/learning_rate": 0.1,
            "demo_val/R@1": 0.5,
        }


def test_a_resumed_run_takes_its_steps_again_and_the_last_ones_count(tmp_path):
    path = tmp_path / "metrics.csv"
    killed = CsvTracker(path)
    train(killed, range(1, 9))
    killed.log({"demo_val/R@1": 0.4}, 8)
    train(CsvTracker(path), range(6, 8), loss=2.0)  # the state was of step 5, and so far it came to step 7
    rows = read_rows(path)
    assert list(rows) == [1, 2, 3, 4, 5, 6, 7]
    assert [rows[step]["train/loss"] * step for step in rows] == pytest.approx([1, 1, 1, 1, 1, 2, 2])


def test_a_run_that_was_stopped_before_its_validation_completes_the_row(tmp_path):
    path = tmp_path / "metrics.csv"
    train(CsvTracker(path), range(1, 5))
    CsvTracker(path).log({"demo_val/R@1": 0.4}, 4)
    assert read_rows(path)[4] == {"train/loss": 0.25, "train/learning_rate": 0.1, "demo_val/R@1": 0.4}


def test_numbers_may_arrive_late_and_names_at_any_time(tmp_path):
    path = tmp_path / "metrics.csv"
    tracker = CsvTracker(path)
    tracker.log({"demo_val/R@1": 0.1}, 3)
    train(tracker, [1, 2, 3])
    tracker.log({"train/gpu_memory_mb": 900.0}, 2)
    tracker.log({"train/loss": 0.5}, 4)
    rows = read_rows(path)
    assert list(rows) == [1, 2, 3, 4]
    assert rows[2] == {"train/loss": 0.5, "train/learning_rate": 0.1, "train/gpu_memory_mb": 900.0}
    assert rows[3]["demo_val/R@1"] == 0.1
    with path.open() as file:
        lines = list(csv.reader(file))
    assert lines[0][-1] == "demo_val/R@1"  # what training logs stands first
    assert {len(line) for line in lines} == {5}


@pytest.mark.parametrize("end", ["9,0.12", "9", "\n,,", "9,a lot,0.1\n"])
def test_half_a_row_of_a_killed_process_is_no_row(tmp_path, end):
    path = tmp_path / "metrics.csv"
    train(CsvTracker(path), range(1, 9))
    with path.open("a") as file:
        file.write(end)
    resumed = CsvTracker(path)
    train(resumed, [9, 10])
    rows = read_rows(path)
    assert list(rows) == list(range(1, 11))
    assert rows[9]["train/loss"] == 1 / 9


def test_a_loss_that_is_no_number_is_kept_as_what_it_is(tmp_path):
    path = tmp_path / "metrics.csv"
    CsvTracker(path).log({"train/loss": math.nan, "train/gradient_norm": math.inf}, 1)
    table = pd.read_csv(path)
    assert math.isnan(table["train/loss"][0])
    assert table["train/gradient_norm"][0] == math.inf


def test_a_disk_that_is_full_for_a_while_costs_rows_and_no_run(tmp_path, monkeypatch, caplog):
    path = tmp_path / "metrics.csv"
    tracker = CsvTracker(path)
    train(tracker, [1, 2])
    monkeypatch.setattr(type(path), "open", lambda *_, **__: _full())
    train(tracker, [3, 4])
    monkeypatch.undo()
    train(tracker, [5])
    assert list(read_rows(path)) == [1, 2, 5]
    assert [record.message for record in caplog.records] == [
        f"{path} cannot be written (No space left on device); going on without it"
    ]


def _full():
    raise OSError(28, "No space left on device")


def test_a_table_is_the_same_whether_it_grew_or_was_written_at_once(tmp_path):
    grown, written = tmp_path / "grown.csv", tmp_path / "written.csv"
    tracker = CsvTracker(grown)
    for step in range(1, 30):
        train(tracker, [step])
        if step % 10 == 0:
            tracker.log({"demo_val/R@1": 0.1}, step)
    rows = read_rows(grown)
    write_rows(written, rows)
    assert grown.read_bytes() == written.read_bytes()
    assert columns_of(rows) == ["train/loss", "train/learning_rate", "demo_val/R@1"]


def test_no_file_is_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.csv") == {}
