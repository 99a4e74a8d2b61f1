"""The history: a line for every report, added whole, and the causes of what changed."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation import history_file
from gsv_pipeline.evaluation.history import append_history, catch_up, finished_reports, histories, recorded_steps
from gsv_pipeline.evaluation.history_changes import KINDS, changes
from gsv_pipeline.evaluation.history_file import Drift, Entry, Step, append_entry, read_history
from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

PACKAGES = {"torch": "2.14.1", "numpy": "2.4.6"}
SURROUNDINGS = {"git": "aaa", "packages": PACKAGES, "python": "3.11.7", "device": "a processor", "cpus": 2}


def entries(layout: Layout) -> list[Entry]:
    return read_history(layout.history("demo_test", "demo"))


def test_every_evaluation_adds_a_line_that_agrees_with_the_report(chain_layout: Layout) -> None:
    (entry,) = entries(chain_layout)
    folder = chain_layout.recall_report("demo_test", "demo")
    recall = json.loads((folder / "recall.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (entry.report, entry.date) == (manifest["data_version"], manifest["created"])
    for k in (1, 5, 10, 20):
        assert entry.recall_at[k] == recall["recall_at"][str(k)]
        assert entry.interval_at[k] == tuple(recall["interval_at"][str(k)])
    for key, step in entry.steps.items():
        made = json.loads((chain_layout.root / key / "manifest.json").read_text())
        assert (step.version, step.config) == (made["data_version"], made["config"])
        assert step.surroundings["packages"] == made["provenance"]["packages"]
    assert entry.drift is None
    assert set(histories(chain_layout)) == {("demo_test", "demo"), ("demo_val", "demo")}
    assert set(histories(chain_layout, "demo")) == set(histories(chain_layout))
    assert histories(chain_layout, "other") == {}


def test_a_recompute_with_the_same_numbers_adds_a_line_and_a_cached_run_adds_none(chain_layout: Layout) -> None:
    experiment, tracker = tiny_experiment(chain_layout), NullTracker()
    assert stages.evaluate(chain_layout, experiment, "demo_test", tracker=tracker).cached
    assert len(entries(chain_layout)) == 1
    stages.evaluate(chain_layout, experiment, "demo_test", tracker=tracker, force=True)
    first, second = entries(chain_layout)
    assert first.report == second.report
    assert second.drift is not None
    assert (second.drift.difference, second.drift.verdict, second.drift.moved) == (0.0, "same", 0)
    assert changes(first, second) == []


def test_a_loss_of_recall_is_told_query_by_query(chain_layout: Layout) -> None:
    path = chain_layout.recall_report("demo_test", "demo") / OUTCOMES_FILE
    table = pd.read_parquet(path)
    hits = int((table["rank"] < 1).sum())
    moved = int((table["rank"] != 25).sum())
    table["rank"] = 25
    table.to_parquet(path, index=False)
    append_history(chain_layout, "demo", "demo_test")
    drift = entries(chain_layout)[-1].drift
    assert drift is not None
    assert drift.difference == pytest.approx(-hits / len(table))
    assert drift.moved == moved


def test_other_queries_are_not_compared(chain_layout: Layout) -> None:
    path = chain_layout.history("demo_test", "demo")
    (entry,) = entries(chain_layout)
    path.unlink()
    others = {**entry.steps, "benchmark/demo_test": replace(entry.steps["benchmark/demo_test"], version="older")}
    append_entry(path, replace(entry, steps=others))
    append_history(chain_layout, "demo", "demo_test")
    assert entries(chain_layout)[-1].drift is None
    path.unlink()
    append_entry(path, replace(entry, ranks="no ranks"))
    append_history(chain_layout, "demo", "demo_test")
    assert entries(chain_layout)[-1].drift is None


def test_reports_without_a_line_are_caught_up_with_once(chain_layout: Layout) -> None:
    assert catch_up(chain_layout) == []
    before = entries(chain_layout)
    shutil.rmtree(chain_layout.history("demo_test", "demo").parent)
    assert [entry.benchmark for entry in catch_up(chain_layout)] == ["demo_test"]
    assert entries(chain_layout) == before
    assert catch_up(chain_layout) == []


def test_where_answers_are_hidden_there_is_no_report_to_remember(chain_layout: Layout) -> None:
    (chain_layout.recall_report("demo_test", "demo") / "recall.json").unlink()
    assert append_history(chain_layout, "demo", "demo_test") is None
    assert append_history(chain_layout, "demo", "nowhere") is None
    assert [folder.parent.name for folder in finished_reports(chain_layout)] == ["demo_val"]


def test_the_chain_of_a_report_outlives_its_artifacts(chain_layout: Layout) -> None:
    report = chain_layout.recall_report("demo_test", "demo")
    whole = recorded_steps(chain_layout, report)
    shutil.rmtree(chain_layout.catalog("demo"))
    assert recorded_steps(chain_layout, report) == whole
    chain_layout.history("demo_test", "demo").unlink()
    assert recorded_steps(chain_layout, report)["catalog/demo"] == Step(whole["catalog/demo"].version, "")


def some_entry(number: int = 0) -> Entry:
    chain = ("dataset/demo", "catalog/demo", "benchmark/b", "checkpoint/e", "embeddings/b/e", "recall_report/b/e")
    steps = {
        key: Step("1", f"day {number}", (chain[place - 1],) if place else (), {"room": 1}, {}, SURROUNDINGS)
        for place, key in enumerate(chain)
    }
    recalls = dict.fromkeys((1, 5, 10, 20), 0.5)
    intervals = dict.fromkeys((1, 5, 10, 20), (0.4, 0.6))
    return Entry("e", "b", f"day {number}", "1", recalls, intervals, steps, "", Drift(0.0, (0.0, 0.0), 1.0, "same", 0))


def test_an_entry_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "history" / "e.jsonl"
    written = [some_entry(number) for number in range(3)]
    written[1] = replace(written[1], drift=None, experiment="with \u2028 a line separator")
    for entry in written:
        append_entry(path, entry)
    assert read_history(path) == written
    assert path.read_bytes().count(b"\n") == 3
    assert read_history(tmp_path / "none.jsonl") == []


def _append_many(path: Path, count: int) -> None:
    for number in range(count):
        append_entry(path, some_entry(number))


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_append_many, args=(path, 25)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(read_history(path)) == 100
    assert path.read_bytes().count(b"\n") == 100


def test_half_a_line_of_a_killed_process_costs_that_line_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "e.jsonl"
    append_entry(path, some_entry(0))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    append_entry(path, some_entry(1))
    assert [entry.date for entry in read_history(path)] == ["day 0", "day 1"]
    assert "passed over" in caplog.text


def test_a_full_disk_leaves_whole_lines_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.jsonl"
    append_entry(path, some_entry(0))
    before = path.read_bytes()
    write = history_file.os.write
    monkeypatch.setattr(history_file.os, "write", lambda file, data: write(file, data[: len(data) // 2]))
    with pytest.raises(DataError, match="The report itself is in place"):
        append_entry(path, some_entry(1))
    assert path.read_bytes() == before


def with_step(entry: Entry, key: str, **values: object) -> Entry:
    return replace(entry, steps={**entry.steps, key: replace(entry.steps[key], **values)})  # type: ignore[arg-type]


def told(after: Entry) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in changes(some_entry(0), after):
        found.setdefault(change.kind, []).append(change.text)
    return found


def test_each_kind_of_cause_is_named() -> None:
    now = some_entry(1)
    assert told(now) == {}
    new = {**SURROUNDINGS, "packages": {**PACKAGES, "torch": "2.15.0"}}
    both = with_step(with_step(now, "embeddings/b/e", surroundings=new), "recall_report/b/e", surroundings=new)
    assert told(both) == {"packages": ["torch: 2.14.1 → 2.15.0 (embeddings, recall report)"]}
    gpu = with_step(now, "embeddings/b/e", surroundings={**SURROUNDINGS, "device": "a GPU"})
    assert told(gpu) == {"hardware": ["device: a processor → a GPU (embeddings)"]}
    commit = with_step(now, "checkpoint/e", surroundings={**SURROUNDINGS, "git": "bbb"})
    assert told(commit) == {"code": ["commit: aaa → bbb (checkpoint)"]}
    room = with_step(now, "checkpoint/e", version="2", rooms={"room": 2})
    assert told(room) == {"code": ["version of room: 1 → 2 (checkpoint)"]}
    seed = with_step(now, "checkpoint/e", version="2", config={"training": {"epochs": 30}})
    assert told(seed) == {"settings": ["training: nothing → {'epochs': 30} (checkpoint)"]}
    assert set(KINDS) >= set(told(seed))


def test_what_follows_new_data_is_explained_by_them() -> None:
    now = some_entry(1)
    for key in now.steps:
        now = with_step(now, key, version="2")
    assert told(now) == {"data": ["dataset/demo: 1 → 2"]}


def test_another_result_of_the_same_things_is_chance() -> None:
    now = with_step(with_step(some_entry(1), "checkpoint/e", version="2"), "embeddings/b/e", version="3")
    assert told(now) == {"chance": ["checkpoint/e: 1 → 2"]}


def test_what_an_older_release_did_not_note_is_not_called_a_change() -> None:
    old, now = some_entry(0), some_entry(1)
    bare = {key: replace(step, surroundings={"git": "aaa", "packages": PACKAGES}) for key, step in old.steps.items()}
    assert changes(replace(old, steps=bare), now) == []


def test_a_step_that_was_not_made_again_cannot_be_a_cause() -> None:
    now = with_step(some_entry(1), "checkpoint/e", created="day 0", surroundings={**SURROUNDINGS, "git": "bbb"})
    assert told(now) == {}


def test_ranks_are_kept_exactly(chain_layout: Layout) -> None:
    from gsv_pipeline.evaluation.history import _unpack_ranks

    (entry,) = entries(chain_layout)
    ranks = pd.read_parquet(chain_layout.recall_report("demo_test", "demo") / OUTCOMES_FILE)["rank"].to_numpy()
    np.testing.assert_array_equal(_unpack_ranks(entry.ranks), np.minimum(ranks, 25))
