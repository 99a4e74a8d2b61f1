"""The reference run in DVC, as a fresh clone has it: `repro`, metrics, plots, and experiments with other settings."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gsv_pipeline.layout import Layout
from tests.tiny import TINY_TRAINING

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DEMO = "gsv_pipeline/configs/experiments/demo.yaml"
REPORT = "data/recall_report/demo_test/demo"
METRICS = f"{REPORT}/metrics.json"
CURVES = {
    "recall_curve.csv": ("k", "recall"),
    "precision_curve.csv": ("recall", "precision"),
    "distance_curve.csv": ("metres", "recall"),
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone of this repository as it is now, but that its demo is a small experiment."""
    _be_a_person(tmp_path / "home", monkeypatch)
    origin, root = tmp_path / "origin", tmp_path / "clone"
    for name in ("dvc.yaml", "workspace.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, origin / name)
    shutil.copytree(REPOSITORY / "gsv_pipeline", origin / "gsv_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    _make_small(origin / DEMO)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        run(origin, "git", *command)
    run(tmp_path, "git", "clone", "-q", str(origin), str(root))
    monkeypatch.setenv("PYTHONPATH", str(root))  # its own library with its own settings, as where it is installed
    return root


def _be_a_person(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, cache or data root of the person who runs the tests; tools beside this Python."""
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")


def _make_small(path: Path) -> None:
    """Write the settings of `tiny_experiment` into a YAML."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for setting in TINY_TRAINING:
        name, _, value = setting.partition("=")
        section, _, key = name.partition(".")
        values[section][key] = yaml.safe_load(value)
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(root: Path, *arguments: str) -> str:
    return run(root, str(BIN / "dvc"), *arguments)


def shown(root: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dvc(root, *arguments, "--json"))
    return found


def commit(root: Path, message: str) -> None:
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-q", "-m", message)


@pytest.mark.slow
def test_a_fresh_clone_runs_the_reference_run_once_and_shows_its_recall_and_its_curves(
    clone: Path, tiny_demo: Path
) -> None:
    shutil.copytree(tiny_demo / "dataset", clone / "data" / "dataset")  # rendering the whole cities takes minutes
    dvc(clone, "repro")
    made = {path: path.stat().st_mtime_ns for path in (clone / "data").rglob("manifest.json")}
    assert "Running stage" not in dvc(clone, "repro")
    assert made == {path: path.stat().st_mtime_ns for path in (clone / "data").rglob("manifest.json")}
    _check_metrics(clone)
    _check_plots(clone)
    assert run(clone, "git", "status", "--porcelain").split() == ["??", "dvc.lock"]


def _check_metrics(root: Path) -> None:
    stored = json.loads((root / METRICS).read_text(encoding="utf-8"))
    found = shown(root, "metrics", "show")[""]["data"][METRICS]["data"]
    assert found == stored
    assert {"R@1", "average precision", "recall at 100 % precision", "median error, m"} <= set(found)


def _check_plots(root: Path) -> None:
    """The page holds, for both benchmarks, each curve with its axes named and every value of its file."""
    page = root / "build" / "index.html"
    assert page.as_uri() in dvc(root, "plots", "show", "--out", "build")
    drawn = page.read_text(encoding="utf-8")
    for benchmark in ("demo_val", "demo_test"):
        assert f"Recall over K, demo on {benchmark}" in drawn
        for name, (x, y) in CURVES.items():
            values = _values(drawn, f"data/recall_report/{benchmark}/demo/{name}")
            with (root / "data" / "recall_report" / benchmark / "demo" / name).open() as file:
                assert values == [(float(row[x]), float(row[y])) for row in csv.DictReader(file)]
    assert "K, images retrieved" in drawn


def _values(drawn: str, name: str) -> list[tuple[float, float]]:
    """What a plot of the page draws, as its axes ask for it."""
    specs = {
        plot: spec for spec, plot in re.findall(r"spec = (\{.*?\});\s*vegaEmbed\('#(\w+)'", drawn, flags=re.DOTALL)
    }
    spec = json.loads(specs[re.sub(r"\W", "_", name)])
    x, y = CURVES[Path(name).name]
    assert {f'"field": "{axis}"' in json.dumps(spec) for axis in (x, y)} == {True}
    return [(float(point[x]), float(point[y])) for point in spec["data"]["values"]]


@pytest.mark.slow
def test_an_experiment_with_another_setting_runs_and_shows_what_it_changed(clone: Path, tiny_chain: Path) -> None:
    shutil.copytree(tiny_chain, clone / "data", dirs_exist_ok=True)
    shutil.rmtree(clone / "data" / "wandb", ignore_errors=True)
    made = {path: path.stat().st_mtime_ns for path in (clone / "data").rglob("manifest.json")}
    dvc(clone, "repro")  # what other doors have made is recorded, and not made again
    assert made == {path: path.stat().st_mtime_ns for path in (clone / "data").rglob("manifest.json")}
    commit(clone, "The reference run")
    before = json.loads((clone / METRICS).read_text(encoding="utf-8"))

    dvc(clone, "exp", "run", "-n", "another", "-S", f"{DEMO}:image.width=48", "-S", f"{DEMO}:training.epochs=1")

    after = json.loads((clone / METRICS).read_text(encoding="utf-8"))
    assert after != before
    changed = shown(clone, "metrics", "diff")[METRICS]
    for name in before:
        assert (name in changed) == (after[name] != before[name])
    assert {name: (item["old"], item["new"]) for name, item in changed.items()} == {
        name: (before[name], after[name]) for name in changed
    }
    assert _experiments(clone) == {"another": {"metrics": after, "width": 48, "epochs": 1}}
    assert Layout(clone / "data").checkpoint("demo").with_name("demo.previous").is_dir()


def _experiments(root: Path) -> dict[str, dict[str, Any]]:
    """Name -> metrics and changed settings of each experiment since the last commit."""
    found = {}
    for revision in json.loads(dvc(root, "exp", "show", "--json")):
        for experiment in revision.get("experiments") or ():
            data = experiment["revs"][0]["data"]
            settings = data["params"][DEMO]["data"]
            found[experiment["name"]] = {
                "metrics": data["metrics"][METRICS]["data"],
                "width": settings["image"]["width"],
                "epochs": settings["training"]["epochs"],
            }
    return found


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
