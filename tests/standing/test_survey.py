"""How artifacts stand: every state, by what is really on disk and by locks that are really held."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import DEPTHS, Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.standing import Standing, standings
from gsv_pipeline.standing import survey as survey_module
from gsv_pipeline.standing.leftovers import total_steps
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

TRACKER = NullTracker()
FOLLOW = ("embeddings", "faiss_index", "recall_report")


@pytest.fixture
def as_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain was made with settings of the command line; here they are those of the YAML."""
    load = survey_module.load_experiment

    def loaded(layout: Layout, name: str) -> Experiment:
        return tiny_experiment(layout) if name == "demo" else load(layout, name)

    monkeypatch.setattr(survey_module, "load_experiment", loaded)


def found(layout: Layout, **asked: bool) -> dict[str, Standing]:
    return {row.key: row for row in standings(layout, **asked)}


def test_after_a_whole_run_everything_is_present_with_its_size_and_date(chain_layout: Layout, as_made: None) -> None:
    rows = found(chain_layout)
    assert {row.state for row in rows.values()} == {"present"}, rows
    assert {row.experiment for row in rows.values()} == {"", "demo"}
    manifests = {
        chain_layout.key(path.parent) for stage in DEPTHS for path in (chain_layout.root / stage).rglob("manifest.json")
    }
    assert rows.keys() == manifests
    folder = chain_layout.recall_report("demo_test", "demo")
    assert rows["recall_report/demo_test/demo"].bytes == sum(item.stat().st_size for item in folder.iterdir())
    assert rows["recall_report/demo_test/demo"].created == json.loads((folder / "manifest.json").read_text())["created"]
    assert rows["dataset/demo"].bytes > 116 * 500  # 116 rendered images, which the manifest has counted


def test_what_follows_a_changed_input_is_stale_and_names_the_one_to_blame(chain_layout: Layout, as_made: None) -> None:
    path = chain_layout.checkpoint("demo") / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "versions": {**manifest["versions"], "training": 0}}))
    rows = found(chain_layout)
    follow = {f"{stage}/{name}/demo" for stage in FOLLOW for name in ("demo_val", "demo_test")}
    assert {key for key, row in rows.items() if row.state == "stale"} == {"checkpoint/demo"} | follow
    assert "training: found 0" in rows["checkpoint/demo"].reason
    assert rows["recall_report/demo_test/demo"].cause.startswith("checkpoint/demo: the code that makes it has a new")
    assert rows["places/demo"].state == "present"


def test_what_is_not_there_is_missing_with_the_command_that_makes_it(tiny_layout: Layout) -> None:
    rows = found(tiny_layout, everything=True)
    assert rows["catalog/demo"].state == "present"
    assert rows["checkpoint/demo"].state == "missing"
    assert rows["checkpoint/demo"].command == "gsv-pipeline train demo"
    assert rows["benchmark/pitts30k_test"].state == "missing"
    assert {row.state for key, row in rows.items() if key.startswith("checkpoint/")} == {"missing"}


def test_by_default_only_experiments_with_something_on_disk_are_shown(tiny_layout: Layout) -> None:
    assert {row.experiment for row in standings(tiny_layout)} == {""}
    stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=TRACKER)
    assert {row.experiment for row in standings(tiny_layout)} == {"", "demo"}
    assert standings(Layout(tiny_layout.root / "nowhere")) == []


def test_experiments_can_be_asked_for_by_name_and_bring_their_data_with_them(
    chain_layout: Layout, as_made: None
) -> None:
    rows = {row.key: row for row in standings(chain_layout, ["demo"])}
    assert {"dataset/demo", "catalog/demo", "benchmark/demo_test", "recall_report/demo_val/demo"} <= rows.keys()
    other = {row.key for row in standings(chain_layout, ["convap_resnet50"])}
    assert "checkpoint/convap_resnet50" in other
    assert "dataset/demo" not in other
    with pytest.raises(ConfigError, match="Did you mean 'demo'"):
        standings(chain_layout, ["dmo"])


def test_a_held_lock_is_a_run_with_its_process_and_its_time(chain_layout: Layout, as_made: None) -> None:
    artifact = chain_layout.embeddings("demo_test", "demo")
    with hold(chain_layout.lock(artifact), key=chain_layout.key(artifact), tracker=TRACKER):
        row = found(chain_layout)["embeddings/demo_test/demo"]
    assert (row.state, row.pid) == ("running", os.getpid())
    assert row.since in row.reason
    assert found(chain_layout)["embeddings/demo_test/demo"].state == "present"


def test_a_failure_says_what_and_when_until_the_artifact_is_made(chain_layout: Layout, as_made: None) -> None:
    experiment = tiny_experiment(chain_layout)
    photo = next(path for path in sorted(chain_layout.dataset("demo").rglob("*.[jJ]*")) if "Marwick" in str(path))
    content, times = photo.read_bytes(), photo.stat()
    photo.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError):
        stages.embed(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)
    row = found(chain_layout)["embeddings/demo_test/demo"]
    assert row.state == "failed"
    assert photo.name in row.reason
    assert "is still there" in row.reason
    photo.write_bytes(content)
    os.utime(photo, ns=(times.st_atime_ns, times.st_mtime_ns))
    stages.embed(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)
    assert found(chain_layout)["embeddings/demo_test/demo"].state == "present"


def test_an_interrupted_training_says_at_which_step_of_how_many_it_is(chain_layout: Layout, as_made: None) -> None:
    manifest = json.loads((chain_layout.checkpoint("demo") / "manifest.json").read_text())
    steps = manifest["metadata"]["steps"]
    assert total_steps(manifest["config"]["training"], 18) == steps
    state = chain_layout.training_state("demo")
    state.mkdir()
    (state / "identity.json").write_text(
        json.dumps({"identity": "other", "config": manifest["config"], "restart": True})
    )
    (state / "metrics.jsonl").write_text('{"train/loss": 1.0, "step": 0}\n{"train/loss": 0.9, "step": 4}\n{"train/lo')
    row = found(chain_layout)["checkpoint/demo"]
    assert (row.state, row.step, row.steps) == ("interrupted", 4, steps)
    assert f"step 4 of {steps}" in row.reason
    artifact = chain_layout.checkpoint("demo")
    with hold(chain_layout.lock(artifact), key="checkpoint/demo", tracker=TRACKER):
        running = found(chain_layout)["checkpoint/demo"]
    assert running.state == "running"
    assert f"at step 4 of {steps}" in running.reason


def test_a_stop_is_an_interruption_and_no_failure(chain_layout: Layout, as_made: None) -> None:
    artifact = chain_layout.places("demo")
    for error, state in (("StoppedError", "interrupted"), ("TrainingError", "failed")):
        record = {"error": error, "message": "it ended", "time": "2026-11-23T10:00:00+00:00"}
        chain_layout.failure(artifact).write_text(json.dumps(record))
        assert found(chain_layout)["places/demo"].state == state


def test_what_killed_runs_left_is_an_interruption(chain_layout: Layout, as_made: None) -> None:
    chain_layout.partial(chain_layout.faiss_index("demo_test", "demo")).mkdir()
    work = chain_layout.extraction(chain_layout.embeddings("demo_val", "demo")) / "fingerprint"
    work.mkdir(parents=True)
    note = work / "database.rank0of1.json"
    note.write_text('{"done": [[0, 8], [8, 10]], "broken": {}}')
    download = chain_layout.downloads("gsv_cities") / "part"
    download.parent.mkdir(parents=True)
    download.write_bytes(bytes(2_000_000))
    later = time.time() + 60
    for path in (note, download):
        os.utime(path, (later, later))
    rows = found(chain_layout)
    assert rows["faiss_index/demo_test/demo"].state == "interrupted"
    assert "10 images described" in rows["embeddings/demo_val/demo"].reason
    assert rows["dataset/gsv_cities"].state == "interrupted"
    assert "2.0 MB downloaded" in rows["dataset/gsv_cities"].reason


def test_artifacts_of_an_experiment_that_is_gone_are_orphans(chain_layout: Layout, as_made: None) -> None:
    chain_layout.checkpoint("demo").rename(chain_layout.checkpoint("holiday"))
    row = found(chain_layout)["checkpoint/holiday"]
    assert (row.state, row.experiment) == ("orphan", "holiday")
    assert "clean --orphans" in row.reason


def test_an_experiment_that_cannot_be_read_does_not_hide_the_others(chain_layout: Layout, as_made: None) -> None:
    chain_layout.experiments().mkdir()
    (chain_layout.experiments() / "broken.yaml").write_text("training: [\n")
    chain_layout.places("demo").rename(chain_layout.places("broken"))
    rows = found(chain_layout)
    assert rows["places/broken"].state == "stale"
    assert "broken.yaml" in rows["places/broken"].reason
    assert rows["benchmark/demo_val"].state == "present"


def test_a_damaged_manifest_is_stale_and_stops_nothing(chain_layout: Layout, as_made: None) -> None:
    (chain_layout.benchmark("demo_val") / "manifest.json").write_text("{")
    rows = found(chain_layout)
    assert rows["benchmark/demo_val"].state == "stale"
    assert "is not a readable manifest" in rows["benchmark/demo_val"].reason
    assert rows["benchmark/demo_test"].state == "present"


def test_a_report_that_cannot_be_read_hides_nothing_else(chain_layout: Layout, as_made: None) -> None:
    (chain_layout.recall_report("demo_test", "demo") / "manifest.json").write_text("{torn")
    rows = found(chain_layout)
    assert rows["recall_report/demo_test/demo"].state == "stale"
    assert rows["recall_report/demo_val/demo"].state == "present"


def test_what_was_made_for_a_benchmark_that_is_gone_is_shown(chain_layout: Layout, as_made: None) -> None:
    for stage in ("embeddings", "index_report"):
        shutil.copytree(chain_layout.root / "embeddings" / "demo_test", chain_layout.root / stage / "gone")
    for rows in (found(chain_layout), {row.key: row for row in standings(chain_layout, ["demo"])}):
        assert rows["embeddings/gone/demo"].state == "stale"
        assert "Unknown benchmark 'gone'" in rows["embeddings/gone/demo"].reason
        assert rows["index_report/gone/demo"].state == "stale"


def test_looking_is_light_and_changes_nothing(chain_layout: Layout) -> None:
    before = {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("*")}
    script = (
        "import sys, time; start = time.process_time()\n"
        "from gsv_pipeline.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "heavy = {'torch', 'pandas', 'faiss', 'matplotlib', 'wandb'} & sys.modules.keys()\n"
        "print(code, sorted(heavy), time.process_time() - start, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, "--data-root", str(chain_layout.root), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    code, heavy, seconds = done.stderr.strip().splitlines()[-1].split(" ")
    assert (code, heavy) == ("0", "[]")
    assert float(seconds) < 2.0  # 0.5 s of a processor, measured; a busy machine takes longer
    assert "recall_report/demo_test/demo" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("*")}


def test_the_name_of_an_artifact_is_its_stage_and_the_rest() -> None:
    row = Standing("embeddings/demo_test/demo", "present")
    assert (row.stage, row.name) == ("embeddings", "demo_test/demo")
    assert replace(row, state="stale", reason="its input a is out of date: its input b has changed").cause == (
        "a: its input b has changed"
    )


def test_what_a_person_asked_for_stands_where_it_was_made_and_nowhere_else(chain_layout: Layout, as_made: None) -> None:
    experiment = tiny_experiment(chain_layout)
    stages.build_index(chain_layout, experiment, "demo_test", tracker=TRACKER, kind="hnsw_sq8")
    chain_layout.partial(chain_layout.export("demo")).mkdir(parents=True)
    rows = found(chain_layout)
    index = rows["deployment_index/demo_test/demo/hnsw_sq8"]
    assert (index.state, index.experiment, index.benchmark) == ("present", "demo", "demo_test")
    assert rows["export/demo"].state == "interrupted"
    assert not any(key.startswith(("index_report/", "pca/", "pca_report/")) for key in rows)
    stages.embed(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)
    path = chain_layout.embeddings("demo_test", "demo") / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_version": "another"}))
    assert found(chain_layout)["deployment_index/demo_test/demo/hnsw_sq8"].reason == (
        "its input embeddings/demo_test/demo has changed"
    )
