"""Accepting a recall, the gate that compares with it, and the comparison of two experiments, over the whole chain."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.acceptance import accept, compare_experiments, judge_report
from gsv_pipeline.audits.results import audit_recall_report
from gsv_pipeline.cli import run
from gsv_pipeline.errors import ConfigError, StaleInputError
from gsv_pipeline.evaluation.accepted import load_accepted
from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment


def _lose_everything(layout: Layout) -> None:
    """Make the report on disk one in which no query is answered."""
    path = layout.recall_report("demo_test", "demo") / OUTCOMES_FILE
    table = pd.read_parquet(path)
    table["rank"] = 25
    table.to_parquet(path, index=False)


def test_without_an_accepted_recall_the_gate_is_open_and_says_how_to_close_it(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    assert judge_report(chain_layout, experiment, "demo_test") is None
    verdict = audit_recall_report(chain_layout, experiment, "demo_test", tracker=NullTracker())["not_worse"]
    assert verdict.passed
    assert "gsv-pipeline accept demo --benchmark demo_test" in verdict.message


def test_an_accepted_recall_passes_itself_and_stops_a_worse_one(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    done = {item.benchmark: item for item in accept(chain_layout, experiment, reason="a first run that looked right")}
    assert set(done) == {"demo_val", "demo_test"}
    record = load_accepted(done["demo_test"].path)
    assert record is not None
    assert record.reason == "a first run that looked right"
    assert "checkpoint/demo" in record.origin["inputs"]
    recall = json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())
    assert record.recall_at["1"] == pytest.approx(recall["recall_at"]["1"], abs=1e-6)
    judged = judge_report(chain_layout, experiment, "demo_test")
    assert judged is not None
    assert judged.passed
    accept(chain_layout, experiment, reason="with a tolerance", tolerance=0.01)
    _lose_everything(chain_layout)
    worse = judge_report(chain_layout, experiment, "demo_test")
    assert worse is not None
    assert not worse.passed
    assert "more than a loss of 1.00 points admits" in worse.message


def test_the_outcomes_beside_a_report_are_those_of_its_recall(chain_layout: Layout) -> None:
    folder = chain_layout.recall_report("demo_test", "demo")
    recall = json.loads((folder / "recall.json").read_text())["recall_at"]
    ranks = pd.read_parquet(folder / OUTCOMES_FILE)["rank"].to_numpy()
    for k in (1, 5, 10):
        assert np.mean(ranks < k) == pytest.approx(recall[str(k)])


def test_accepting_needs_a_reason_and_a_report(tiny_layout: Layout) -> None:
    with pytest.raises(ConfigError, match="--reason"):
        accept(tiny_layout, tiny_experiment(tiny_layout), reason="  ")
    with pytest.raises(StaleInputError, match="gsv-pipeline evaluate"):
        accept(tiny_layout, tiny_experiment(tiny_layout), reason="none there")


def test_the_commands_print_what_they_decided(chain_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--data-root", str(chain_layout.root)]
    manifest = chain_layout.checkpoint("demo") / "manifest.json"
    assert manifest.is_file()
    overrides = list(tiny_experiment(chain_layout).overrides)
    assert (
        run([*root, "accept", "demo", *overrides, "--benchmark", "demo_test", "--reason", "fine", "--tolerance", "2"])
        == 0
    )
    record = load_accepted(chain_layout.accepted("demo_test", "demo"))
    assert record is not None
    assert record.tolerance == pytest.approx(0.02)
    out = capsys.readouterr().out
    assert "demo_test: R@1" in out
    assert "later ones may lose 2 points" in out
    assert str(chain_layout.accepted("demo_test", "demo")) in out
    assert run([*root, "accept", "demo", *overrides, "--reason", "again"]) == 0
    assert "(before: " in capsys.readouterr().out


def _gate(layout: Layout, *arguments: str) -> int:
    return run(["--data-root", str(layout.root), "gate", *arguments])


def test_the_gate_passes_what_was_accepted_and_exits_with_1_when_a_recall_falls(
    chain_layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = tiny_experiment(chain_layout)
    accept(chain_layout, experiment, benchmarks=["demo_test"], reason="good", tolerance=0.02)
    accept(chain_layout, experiment, benchmarks=["demo_val"], reason="good")
    settings = experiment.overrides
    assert _gate(chain_layout, *settings) == 0
    recall = (
        100
        * json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())["recall_at"]["1"]
    )
    header, *rows = capsys.readouterr().out.splitlines()[1:]
    assert header.split()[:4] == ["experiment", "benchmark", "accepted", "now"]
    assert [row.split()[:4] for row in rows] == [
        ["demo", "demo_test", f"{recall:.2f}", f"{recall:.2f}"],
        ["demo", "demo_val", *rows[1].split()[2:4]],
    ]
    assert [row.endswith("passes") for row in rows] == [True, True]
    assert "2.00 points" in rows[0]
    assert "what chance explains" in rows[1]
    _lose_everything(chain_layout)
    for arguments in ((), ("demo",), ("demo", "--json")):
        assert _gate(chain_layout, *arguments, *settings) == 1
        captured = capsys.readouterr()
        assert "1 of 2 accepted recalls do not pass the gate" in captured.err
        assert "demo on demo_test: R@1 is 0.00, accepted was" in captured.err
        assert "more than a loss of 2.00 points admits" in captured.err
    told = {row["benchmark"]: row for row in json.loads(captured.out)}
    assert {name: row["verdict"] for name, row in told.items()} == {"demo_test": "worse", "demo_val": "passes"}
    assert told["demo_test"]["recall"] == 0
    assert told["demo_test"]["accepted"] == pytest.approx(recall / 100, abs=1e-6)


def test_a_gate_that_cannot_judge_does_not_pass_and_says_what_to_run(
    chain_layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = tiny_experiment(chain_layout)
    for arguments in ((), ("demo",)):
        assert _gate(chain_layout, *arguments) == 2
        assert "so there is nothing to judge. Once one is good, run: gsv-pipeline accept" in capsys.readouterr().err
    assert _gate(chain_layout, "dmeo") == 2
    assert "Did you mean 'demo'?" in capsys.readouterr().err
    accept(chain_layout, experiment, reason="good")
    shutil.rmtree(chain_layout.recall_report("demo_test", "demo"))
    assert _gate(chain_layout, *experiment.overrides) == 2
    captured = capsys.readouterr()
    assert "'recall_report/demo_test/demo' is needed, but it is missing" in captured.err
    assert [row.endswith("passes") for row in captured.out.splitlines()[2:]] == [False, True]
    # The demo as it ships was never run here: its reports are those of other settings.
    assert _gate(chain_layout) == 2
    assert "demo on demo_val: 'recall_report/demo_val/demo' is needed, but" in capsys.readouterr().err
    chain_layout.accepted("demo_test", "demo").rename(chain_layout.accepted("demo_test", "gone"))
    assert _gate(chain_layout) == 2
    assert "gone on demo_test: Unknown experiment 'gone'" in capsys.readouterr().err
    chain_layout.accepted("demo_test", "gone").write_text("{}")
    assert _gate(chain_layout) == 2


def test_evaluating_ends_with_what_the_gate_says(chain_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = tiny_experiment(chain_layout)
    command = ["evaluate", "demo_test", "--experiment", "demo", *experiment.overrides]
    root = ["--data-root", str(chain_layout.root)]
    assert run([*root, *command]) == 0
    assert "Gate" not in capsys.readouterr().out
    accept(chain_layout, experiment, reason="good", tolerance=0.02)
    assert run([*root, *command]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Gate: passes (may be lost: 2.00 points). R@1 is ")
    _lose_everything(chain_layout)
    assert run([*root, *command]) == 0, "the report is made; gsv-pipeline gate is what fails"
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Gate: worse (may be lost: 2.00 points). R@1 is 0.00, accepted was ")
    assert "more than a loss of 2.00 points admits" in last


def test_an_experiment_equals_itself(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    found = compare_experiments(chain_layout, experiment, experiment, "demo_test")
    told = {k: (item.verdict, item.difference, item.p_value) for k, item in found.items()}
    assert told == dict.fromkeys((1, 5, 10), ("same", 0.0, 1.0))


def test_the_command_compares_none_with_itself(chain_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--data-root", str(chain_layout.root), "compare", "demo", "demo", "demo_test"]) == 2
    assert "'demo' equals itself" in capsys.readouterr().err


def test_git_keeps_what_people_decided_and_wrote(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent.parent / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    kept = ["accepted/demo/demo_test.json", "experiments/mine.yaml", "experiments/my_models.py", "benchmarks/walk.yaml"]
    ignored = ["checkpoint/demo/model.safetensors", "experiments/my_models.pyc", "history/demo_test/demo.jsonl"]
    command = ["git", "check-ignore", "--no-index", *(f"data/{name}" for name in [*kept, *ignored])]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout.splitlines()
    assert found == [f"data/{name}" for name in ignored]


def test_status_says_that_recalls_were_accepted_and_what_judges_them(
    chain_layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--data-root", str(chain_layout.root), "status"]
    assert run(root) == 0
    assert "gate" not in capsys.readouterr().out
    accept(chain_layout, tiny_experiment(chain_layout), reason="good")
    assert run(root) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Accepted recalls: 2. Whether the reports keep them, says: gsv-pipeline gate"


def test_the_origin_of_what_was_accepted_is_that_of_the_report_not_of_who_accepts(chain_layout: Layout) -> None:
    path = chain_layout.recall_report("demo_test", "demo") / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["provenance"].update({"git": "0123456789ab", "packages": {"torch": "2.0.0"}})
    path.write_text(json.dumps(manifest))
    accept(chain_layout, tiny_experiment(chain_layout), benchmarks=["demo_test"], reason="made elsewhere")
    record = load_accepted(chain_layout.accepted("demo_test", "demo"))
    assert record is not None
    assert (record.origin["code"], record.origin["packages"]) == ("0123456789ab", {"torch": "2.0.0"})
