"""Freeing space: what goes, what stays whatever it is called, and what is in use."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gsv_pipeline import cli, stages
from gsv_pipeline.cleaning import find_removable, remove
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.tracking import NullTracker, wandb_sync
from gsv_pipeline.tracking.wandb_folder import hold_open
from tests.tiny import tiny_experiment

LONG_AGO = time.time() - 7 * 24 * 3600


def write(path: Path, size: int = 1000, *, at: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (at, at))
    return path


def keys(layout: Layout, *, orphans: bool = False) -> set[str]:
    return {layout.key(item.path) for item in find_removable(layout, orphans=orphans).removable}


def kept(layout: Layout, *, orphans: bool = False) -> dict[str, str]:
    return {layout.key(item.path): item.why for item in find_removable(layout, orphans=orphans).kept}


def snapshot(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if ".locks" not in path.parts}


@pytest.fixture
def littered(chain_layout: Layout) -> Layout:
    """A chain with one of everything that may go."""
    shutil.copytree(chain_layout.checkpoint("demo"), chain_layout.previous(chain_layout.checkpoint("demo")))
    shutil.copytree(chain_layout.leaderboard(), chain_layout.previous(chain_layout.leaderboard()))
    write(chain_layout.partial(chain_layout.catalog("demo")) / "half.parquet")
    write(chain_layout.extraction(chain_layout.embeddings("demo_test", "demo")) / "f" / "database.npy")
    write(chain_layout.downloads("demo") / "demo.zip.part")
    write(chain_layout.decoded("demo_val", "40x32-bilinear"))
    manifest = json.loads((chain_layout.checkpoint("demo") / "manifest.json").read_text())
    state = chain_layout.training_state("demo")
    identity = {"identity": manifest["fingerprint"], "config": manifest["config"], "restart": False}
    write(state / "identity.json").write_text(json.dumps(identity))
    os.utime(state / "identity.json", (LONG_AGO, LONG_AGO))
    write(state / "last.ckpt", 5000)
    run = chain_layout.wandb() / "wandb" / "offline-run-20261101_120000-train-1"
    write(run / "run-train-1.wandb")
    write(run / "run-train-1.wandb.synced", 0)
    write(run / "files" / "config.yaml")
    return chain_layout


LITTER = {
    "checkpoint/demo.previous",
    "leaderboard.previous",
    "catalog/.demo.partial",
    "embeddings/demo_test/.demo.extraction",
    ".downloads/demo",
    ".decoded/demo_val-40x32-bilinear.uint8",
    "checkpoint/.demo.training",
    "wandb/wandb/offline-run-20261101_120000-train-1",
}


def test_a_clean_root_has_nothing_to_free(chain_layout: Layout) -> None:
    assert keys(chain_layout, orphans=True) == set()
    assert kept(chain_layout) == {}


def test_one_of_everything_goes_and_all_else_stays(littered: Layout) -> None:
    before = snapshot(littered.root)
    found = find_removable(littered)
    assert {littered.key(item.path) for item in found.removable} == LITTER
    assert snapshot(littered.root) == before  # looking removes nothing
    done = remove(littered, found)
    assert {littered.key(item.path) for item in done.removable} == LITTER
    assert done.bytes == found.bytes
    after = snapshot(littered.root)
    assert after == {name for name in before if not any(name == gone or name.startswith(f"{gone}/") for gone in LITTER)}
    assert find_removable(littered).removable == []


def test_each_says_what_it_frees_and_why(littered: Layout) -> None:
    found = {littered.key(item.path): item for item in find_removable(littered).removable}
    assert found["catalog/.demo.partial"].bytes == 1000
    assert found["checkpoint/.demo.training"].bytes > 5000
    assert all(item.why for item in found.values())
    work = littered.extraction(littered.embeddings("demo_test", "demo")) / "f" / "database.npy"
    os.link(work, littered.root / "second_name.npy")
    again = {littered.key(item.path): item for item in find_removable(littered).removable}
    assert again["embeddings/demo_test/.demo.extraction"].bytes == 0  # its bytes have another name


def test_foreign_files_survive_whatever_they_are_called(littered: Layout, tmp_path: Path) -> None:
    root = littered.root
    foreign = [
        write(root / "checkpoint" / "holiday.previous" / "photo.jpg"),
        write(root / "checkpoint" / ".notes" / "todo.txt"),
        write(root / "checkpoint" / ".mine.training" / "diary.txt"),
        write(root / "checkpoint" / "demo.previous" / "my_notes.txt", at=time.time() + 60),
        write(root / ".decoded" / "readme.txt"),
        write(root / ".decoded" / "archive.uint8"),
        write(root / "wandb" / "wandb" / "offline-run-mine" / "table.csv"),
        write(root / "wandb" / "wandb" / "offline-run-20261101_120000-train-1" / "thesis.tex"),
        write(root / "dataset" / "demo.previous" / "Images" / "a.jpg"),
        write(root / "my_folder" / ".x.partial" / "a.txt"),
        write(root / "accepted" / "demo_test" / "demo.json"),
        write(root / "history" / "demo_test" / "gone.jsonl"),
        write(root / "experiments" / ".draft.partial" / "a.yaml"),
        write(root / "export" / "model.previous" / "model.onnx"),
    ]
    other = tmp_path / "elsewhere" / "precious.txt"
    write(other)
    (root / "places" / ".link.partial").symlink_to(other.parent, target_is_directory=True)
    (root / "index_report").symlink_to(other.parent, target_is_directory=True)
    (littered.partial(littered.catalog("demo")) / "link").symlink_to(other.parent, target_is_directory=True)
    remove(littered, find_removable(littered, orphans=True), orphans=True)
    assert [path for path in [*foreign, other] if not path.is_file()] == []
    assert not littered.partial(littered.catalog("demo")).exists()  # the link in it went, and not what it led to
    assert "my_notes.txt" in kept(littered)["checkpoint/demo.previous"]
    assert "no manifest" in kept(littered)["checkpoint/holiday.previous"]


def test_a_manifest_of_another_artifact_is_no_licence_to_remove(littered: Layout) -> None:
    shutil.copytree(littered.places("demo"), littered.root / "checkpoint" / "other.previous")
    shutil.copytree(littered.places("demo"), littered.root / "checkpoint" / "other")
    assert {"checkpoint/other", "checkpoint/other.previous"}.isdisjoint(keys(littered, orphans=True))


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        ("checkpoint/demo.previous", "checkpoint/demo"),
        ("checkpoint/.demo.training", "checkpoint/demo"),
        ("catalog/.demo.partial", "catalog/demo"),
        ("embeddings/demo_test/.demo.extraction", "embeddings/demo_test/demo"),
        (".downloads/demo", "dataset/demo"),
        (".decoded/demo_val-40x32-bilinear.uint8", "checkpoint/demo"),
    ],
)
def test_what_a_run_holds_stays(key: str, owner: str, littered: Layout) -> None:
    found = find_removable(littered)
    with hold(littered.lock(littered.root / owner), key=owner, tracker=NullTracker()):
        assert key not in keys(littered)
        assert key in kept(littered)
        done = remove(littered, found)  # found before the run began
        assert key in {littered.key(item.path) for item in done.kept}
        assert (littered.root / key).exists()
    assert key in keys(littered)


def test_a_wandb_run_that_is_written_or_not_sent_stays(littered: Layout) -> None:
    run = littered.wandb() / "wandb" / "offline-run-20261101_120000-train-1"
    file = hold_open(run)
    assert file is not None
    with file:
        assert "writes" in kept(littered)[littered.key(run)]
    (run / "run-train-1.wandb.synced").unlink()
    assert "track sync" in kept(littered)[littered.key(run)]


def test_an_unsent_wandb_run_says_why_it_stays_where_nothing_can_be_sent(
    littered: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = littered.wandb() / "wandb" / "offline-run-20261101_120000-train-1"
    (run / "run-train-1.wandb.synced").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "")
    monkeypatch.setenv("HOME", str(littered.root))
    monkeypatch.setenv("NETRC", str(littered.root / "none"))
    assert "(There is no key for W&B. Set WANDB_API_KEY" in kept(littered)[littered.key(run)]
    monkeypatch.setattr(wandb_sync.importlib.util, "find_spec", lambda name: None)
    told = kept(littered)[littered.key(run)]
    assert "(W&B is not installed here. Run: pip install" in told
    assert told.endswith("--unsent-wandb removes it if nobody wants it")


@pytest.fixture
def unsent(chain_layout: Layout) -> Layout:
    """A chain beside three runs that W&B does not have; somebody writes to the third."""
    for number in range(3):
        run = chain_layout.wandb() / "wandb" / f"offline-run-20261101_12000{number}-train-{number}"
        write(run / f"run-train-{number}.wandb", 5000)
    return chain_layout


def test_unsent_wandb_runs_are_one_line_with_their_number_and_size(
    unsent: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["--data-root", str(unsent.root), "clean"]) == 0
    printed = capsys.readouterr().out
    (line,) = (item for item in printed.splitlines() if "not sent yet" in item)
    assert line.startswith("wandb/wandb/ (3 entries, 15.0 kB)")
    assert "gsv-pipeline track sync sends it" in line
    assert "offline-run" not in printed
    assert cli.run(["--data-root", str(unsent.root), "clean", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["kept"]) == 3  # programs are told each


def test_unsent_wandb_runs_go_when_they_are_asked_for_but_for_one_that_is_written(
    unsent: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = sorted((unsent.wandb() / "wandb").iterdir())
    command = ["--data-root", str(unsent.root), "clean", "--unsent-wandb"]
    file = hold_open(runs[2])
    assert file is not None
    with file:
        assert cli.run(command) == 0
        assert "To do it: gsv-pipeline clean --yes --unsent-wandb" in capsys.readouterr().out
        assert [run.is_dir() for run in runs] == [True, True, True]
        assert cli.run([*command, "--yes"]) == 0
    assert "Freed 10.0 kB." in capsys.readouterr().out
    assert [run.is_dir() for run in runs] == [False, False, True]


def test_work_that_an_interrupted_run_goes_on_with_stays(littered: Layout) -> None:
    soon = time.time() + 60
    for path in (
        littered.training_state("demo") / "last.ckpt",
        littered.extraction(littered.embeddings("demo_test", "demo")) / "f" / "database.npy",
        littered.downloads("demo") / "demo.zip.part",
    ):
        os.utime(path, (soon, soon))
    left = kept(littered)
    for key in ("checkpoint/.demo.training", "embeddings/demo_test/.demo.extraction", ".downloads/demo"):
        assert "can go on" in left[key]


def test_a_training_of_other_settings_that_was_interrupted_stays(littered: Layout) -> None:
    path = littered.training_state("demo") / "identity.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "identity": "of other settings"}))
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert "can go on" in kept(littered)["checkpoint/.demo.training"]


def test_an_artifact_that_a_killed_run_has_just_moved_aside_stays(littered: Layout) -> None:
    artifact = littered.checkpoint("demo")
    shutil.rmtree(artifact)
    littered.partial(artifact).mkdir()
    assert {"checkpoint/demo.previous", "checkpoint/.demo.partial"}.isdisjoint(keys(littered))
    stages.build_places(littered, tiny_experiment(littered), tracker=NullTracker())
    assert littered.previous(artifact).is_dir()


def test_orphans_go_only_when_they_are_asked_for(littered: Layout) -> None:
    manifest = littered.checkpoint("demo") / "manifest.json"
    text = json.loads(manifest.read_text())
    for name in ("checkpoint/gone", "embeddings/demo_test/gone"):
        folder = littered.root / name
        shutil.copytree(littered.checkpoint("demo"), folder)
        (folder / "manifest.json").write_text(json.dumps({**text, "key": name}))
    littered.failure(littered.places("gone")).write_text("{}")
    shutil.copytree(littered.training_state("demo"), littered.training_state("gone"))
    identity = littered.training_state("gone") / "identity.json"  # of a training that did not come to its end
    identity.write_text(json.dumps({**json.loads(identity.read_text()), "identity": "of other settings"}))
    orphans = {"checkpoint/gone", "embeddings/demo_test/gone", "places/gone.failed.json", "checkpoint/.gone.training"}
    assert orphans.isdisjoint(keys(littered))
    assert keys(littered, orphans=True) - keys(littered) == orphans
    littered.experiments().mkdir()
    (littered.experiments() / "gone.yaml").write_text("extends: demo\n")
    assert orphans.isdisjoint(keys(littered, orphans=True))


def test_names_stay_whole_where_the_output_is_no_terminal(littered: Layout) -> None:
    name = f"{'a_very_' * 12}long_name"
    write(littered.partial(littered.embeddings(name, name)) / "half.npy")
    script = "import sys; from gsv_pipeline.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", script, "--data-root", str(littered.root), "clean"]
    narrow = {**os.environ, "COLUMNS": "60"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=narrow)
    (line,) = (line for line in done.stdout.splitlines() if f"embeddings/{name}/.{name}.partial" in line)
    assert line.endswith("half written by a run that was killed")


def test_the_command_is_dry_by_default(littered: Layout) -> None:
    script = "import sys; from gsv_pipeline.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", script, "--data-root", str(littered.root), "clean"]
    before = snapshot(littered.root)
    dry = subprocess.run(command, capture_output=True, text=True, check=True)
    assert snapshot(littered.root) == before
    assert "gsv-pipeline clean --yes" in dry.stdout
    assert all(sum(line.startswith(f"{name} ") for line in dry.stdout.splitlines()) == 1 for name in LITTER)
    wet = subprocess.run([*command, "--yes", "--json"], capture_output=True, text=True, check=True)
    told = json.loads(wet.stdout)
    assert told["removed"] is True
    assert {Path(row["path"]).relative_to(littered.root).as_posix() for row in told["removable"]} == LITTER
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "Nothing to free."
