"""Dagster homes with the shipped settings and a data root of their own, and shell commands typed in them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.pictures.pages import DOCS, Typed

REPOSITORY: Final = DOCS.parent
DEFINITIONS: Final = REPOSITORY / "assets" / "definitions.py"
ONE_PROCESS: Final = REPOSITORY / "tests" / "orchestration" / "one_process.py"
"""The code location whose runs take one process: a step of its own costs seconds."""
BIN: Final = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Home:
    """A Dagster home with the shipped settings, and the data root that its runs write to."""

    folder: Path
    root: Path

    @classmethod
    def make(cls, folder: Path, root: Path, *, definitions: Path = ONE_PROCESS) -> "Home":
        """Make `folder` a Dagster home over the data root `root`, with the code location of `definitions`."""
        folder.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "dagster.yaml", folder)
        entry = {
            "relative_path": str(definitions),
            "working_directory": str(REPOSITORY),
            "location_name": "gsv_pipeline",
        }
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_file": entry}]}))
        return cls(folder, root)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of this home."""
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.folder),
            "GSV_DATA_ROOT": str(self.root),
            "WANDB_MODE": "disabled",
        }

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make it the home of this process and of all that it starts."""
        monkeypatch.chdir(self.folder)  # dagster.yaml names folders relative to it
        monkeypatch.setenv("DAGSTER_HOME", str(self.folder))
        monkeypatch.setenv("GSV_DATA_ROOT", str(self.root))

    def dagster(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """`dagster ARGUMENTS`, typed here."""
        command = [BIN / "dagster", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def execute(self, job: str, *arguments: str) -> None:
        """Run a job from the shell to its end, in one process; it is an error when it fails."""
        done = self.dagster("job", "execute", "-f", ONE_PROCESS, "-d", REPOSITORY, "-j", job, *arguments)
        assert done.returncode == 0, done.stderr[-4000:]


def make_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `folder` a checkout, the current directory and the Dagster home, with this environment's programs."""
    home = Home.make(folder, folder / "data")
    for name in ("assets", "docs"):
        (folder / name).symlink_to(REPOSITORY / name)
    shutil.copy(REPOSITORY / "workspace.yaml", folder)
    home.enter(monkeypatch)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    return folder


def shell(command: Typed, home: Path) -> str:
    """What a command of a page prints; it has to end well."""
    done = subprocess.run(["bash", "-c", command.command], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command.command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
