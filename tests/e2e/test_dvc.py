"""The reference run in DVC: `dvc repro` runs it, a second one does nothing, `dvc metrics show` prints recall."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture
def checkout(tiny_chain: Path, tmp_path: Path) -> Path:
    """A repository with this one's `dvc.yaml`, the tiny city, and a small experiment in place of the shipped demo."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("dvc.yaml", "workspace.yaml", ".dvcignore", ".gitignore", ".dvc"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, root / name)
    shutil.copytree(REPOSITORY / "gsv_pipeline" / "configs", root / "gsv_pipeline" / "configs")
    shutil.copytree(tiny_chain / "dataset", root / "data" / "dataset")
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=root, check=True)
    return root


def dvc(root: Path, *arguments: str) -> str:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "WANDB_MODE": "disabled"}
    done = subprocess.run(
        [str(BIN / "dvc"), *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_dvc_repro_runs_the_reference_run_once_and_shows_its_recall(checkout: Path) -> None:
    dvc(checkout, "repro")
    assert (checkout / "dvc.lock").is_file()
    report = checkout / "data" / "recall_report" / "demo_test" / "demo"
    recall = json.loads((report / "metrics.json").read_text())["R@1"]
    before = {path: path.stat().st_mtime_ns for path in (checkout / "data").rglob("manifest.json")}
    again = dvc(checkout, "repro")
    assert "Running stage" not in again
    assert before == {path: path.stat().st_mtime_ns for path in (checkout / "data").rglob("manifest.json")}
    shown = json.loads(dvc(checkout, "metrics", "show", "--json"))[""]["data"]
    assert shown["data/recall_report/demo_test/demo/metrics.json"]["data"]["R@1"] == recall


def test_analytics_and_update_checks_are_off() -> None:
    config = (REPOSITORY / ".dvc" / "config").read_text()
    assert "analytics = false" in config
    assert "check_update = false" in config


def test_hydra_and_dagster_agree_on_the_parser_in_one_environment() -> None:
    """Plain dvc pins a parser runtime with which every string asset selection of Dagster fails, silently."""
    code = (
        "import dagster as dg\n"
        "selection = dg.AssetSelection.from_string('group:training or key:places+')\n"
        "print(type(selection).__name__)\n"
        "from hydra.core.override_parser.overrides_parser import OverridesParser\n"
        "print(OverridesParser.create().parse_override('training.epochs=3').key_or_group)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "training.epochs"
