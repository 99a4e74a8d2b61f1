"""A repository of git and DVC for tests of data versions, and what its data sets hold."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gsv_pipeline.layout import Layout

BIN = Path(sys.executable).parent
PROTECTED = "gsv_cities"
FREE = "town"
"""An own data set that its owner lets everybody have."""
NOTES = ("manifest.json", "location.json")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository and the layout of its data root."""

    path: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.path / "data")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.path, check=True, capture_output=True, text=True
        ).stdout.rstrip()

    def dvc(self, *arguments: str) -> str:
        done = subprocess.run([str(BIN / "dvc"), *arguments], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    def clone(self, target: Path) -> "Repository":
        """As another person gets it: what git holds."""
        subprocess.run(["git", "clone", "--quiet", str(self.path), str(target)], check=True)
        shutil.copyfile(self.path / ".dvc" / "config", target / ".dvc" / "config")
        return Repository(target)


def contents(folder: Path) -> dict[str, bytes]:
    """Names and bytes of the images and tables in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in NOTES
    }


def times(folder: Path) -> dict[str, int]:
    """Names and times of the images and tables in a folder."""
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}
