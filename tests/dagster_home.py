"""A checkout as Dagster sees it, with a history and a data root of its own; and shell commands typed in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures.pages import DOCS, Typed

REPOSITORY = DOCS.parent


def make_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `folder` such a checkout, the current directory and the Dagster home, with this environment's programs."""
    for name in ("assets", "docs"):
        (folder / name).symlink_to(REPOSITORY / name)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, folder)
    monkeypatch.chdir(folder)  # dagster.yaml names folders relative to it
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("GSV_DATA_ROOT", str(folder / "data"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return folder


def shell(command: Typed, home: Path) -> str:
    """What a command of a page prints; it has to end well."""
    done = subprocess.run(["bash", "-c", command.command], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command.command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
