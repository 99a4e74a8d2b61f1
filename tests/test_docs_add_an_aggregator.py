"""docs/add_an_aggregator.md, followed word by word in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs_commands import assert_all_run
from tests.pictures.pages import DOCS, Typed, steps, typed
from tests.tiny import TINY_TRAINING

PAGE = "add_an_aggregator.md"
REPOSITORY = Path(__file__).parents[1]
COPIED = ("gsv_pipeline", "pyproject.toml", "tests/conftest.py", "tests/tiny.py", "tests/contracts", "tests/models")
TAKES_SETTINGS = {"places", "train", "embed", "index", "evaluate"}
# Everything but the aggregator, which the page chooses.
TINY = [setting for setting in TINY_TRAINING if "aggregator" not in setting]
TYPE_ALL = """
import json, sys
from gsv_pipeline.cli import run
for arguments in json.loads(sys.argv[1]):
    code = run(arguments)
    if code:
        sys.exit(f"{arguments} ended with {code}")
"""


@pytest.fixture
def checkout(tiny_demo: Path, tmp_path: Path) -> Path:
    """What the page needs of a checkout, with the tiny city as its data root."""
    for name in COPIED:
        source, target = REPOSITORY / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    shutil.copytree(tiny_demo, tmp_path / "data")
    return tmp_path


def apply(diff: str, text: str) -> str:
    """Put each `+` line before the line that follows it in the diff, which must stand in the file."""
    lines, at, pending = text.splitlines(), 0, []
    for line in diff.splitlines():
        if line.startswith("+"):
            pending.append(line[1:])
            continue
        at = lines.index(line[1:], at)
        lines[at:at] = pending
        at, pending = at + len(pending) + 1, []
    assert not pending, "the diff ends with a line that is added"
    return "\n".join(lines) + "\n"


def python(checkout: Path, *arguments: str) -> str:
    """Run Python on the copy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commands(program: str) -> list[Typed]:
    """Every command of the page that starts `program`."""
    everything = [command for step in steps(PAGE) for command in typed(step)]
    return [command for command in everything if command.arguments[0] == program]


def made_tiny(arguments: Sequence[str]) -> list[str]:
    return [*arguments, *(TINY if arguments[0] in TAKES_SETTINGS else [])]


@pytest.mark.slow
def test_following_the_page_adds_an_aggregator_that_is_tested_and_trained(checkout: Path) -> None:
    for step in steps(PAGE):
        if step.file:
            (checkout / step.file).parent.mkdir(parents=True, exist_ok=True)
            (checkout / step.file).write_text(step.text.partition("\n")[2], encoding="utf-8")
        if step.kind == "diff":
            table = checkout / "gsv_pipeline" / "models" / "aggregators" / "__init__.py"
            table.write_text(apply(step.text, table.read_text(encoding="utf-8")), encoding="utf-8")
    python(checkout, "-m", "ruff", "check", "gsv_pipeline/models/aggregators", "tests/models/test_attention.py")
    ran = []
    for command in commands(".venv/bin/python"):
        ran.append(command.text)
        arguments = command.arguments[1:]
        printed = python(checkout, *arguments, "-p", "no:cacheprovider", "--no-cov")
        assert re.search(r"^[1-9]\d* passed", printed, flags=re.MULTILINE), printed
    blocks = commands("gsv-pipeline")
    ran += [command.text for command in blocks]
    typed_in = [made_tiny(command.arguments[1:]) for command in blocks]
    assert [arguments[0] for arguments in typed_in][:2] == ["list", "check"]
    printed = python(checkout, "-c", TYPE_ALL, json.dumps(typed_in))
    assert "aggregator: attention, avg, boq" in printed
    assert "demo_attention: valid" in printed
    report = checkout / "data" / "recall_report" / "demo_test" / "demo_attention" / "recall.json"
    assert 0 <= json.loads(report.read_text())["recall_at"]["1"] <= 1
    assert re.search(r"^demo_attention +\d", printed, flags=re.MULTILINE)
    assert_all_run(PAGE, ran, by=__file__)


def test_what_the_page_names_in_passing_exists() -> None:
    from gsv_pipeline.models.aggregators import AGGREGATORS
    from gsv_pipeline.models.aggregators.base import Aggregator
    from gsv_pipeline.models.backbones import BACKBONES
    from gsv_pipeline.models.released import RELEASED
    from gsv_pipeline.training.losses import LOSSES
    from gsv_pipeline.training.miners import MINERS

    text = (DOCS / PAGE).read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in ("BACKBONES", "LOSSES", "MINERS", "RELEASED"))
    assert all((BACKBONES, LOSSES, MINERS, RELEASED))
    assert {"map_size", "needs_class_token", "out_dim"} <= set(Aggregator.__annotations__)
    assert AGGREGATORS["salad"].needs_class_token
    assert "attention" not in AGGREGATORS
    for path in re.findall(r"`(gsv_pipeline/[\w/.]+)`", text):
        assert (REPOSITORY / path).exists(), path
