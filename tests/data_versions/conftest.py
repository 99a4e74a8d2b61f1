"""A repository of git and DVC with this project's ignore files, and tiny data sets in it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.tracking import NullTracker
from tests.published import shots_of, write_city
from tests.versioned import FREE, Repository

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, cache or credentials of the person who runs the tests."""
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    monkeypatch.setenv("HOME", str(nothing))
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR"):
        monkeypatch.setenv(name, str(nothing / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    monkeypatch.delenv("DVC_STAGE", raising=False)
    for name in [name for name in os.environ if name.startswith(("AWS_", "FSSPEC_"))]:
        monkeypatch.delenv(name)
    for name in ("NO_PROXY", "no_proxy"):  # libraries differ in which of the two they prefer
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """What `git clone` of this project gives: its ignore files, its `dvc.yaml` and DVC's configuration."""
    path = tmp_path / "repository"
    (path / ".dvc").mkdir(parents=True)
    for name in (".gitignore", ".dvcignore", "dvc.yaml", ".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(ROOT / name, path / name)
    made = Repository(path)
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "Start")
    return made


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of some published data set, outside the repository."""
    write_city(tmp_path / "copy", "London", shots_of(2, 3))
    return tmp_path / "copy"


@pytest.fixture
def fetch(repository: Repository, copy: Path) -> Callable[[str], Path]:
    """Fetch `copy` as a data set of that name; gives the data set's folder."""

    def fetch_copy(name: str) -> Path:
        if name == FREE:
            definition = repository.layout.datasets() / f"{FREE}.yaml"
            definition.parent.mkdir(parents=True, exist_ok=True)
            definition.write_text(f"source: folder\narguments: {{path: {copy}}}\nredistributable: true\nlicence: CC0\n")
        arguments = {"path": str(copy)}
        tracker = NullTracker()
        return stages.fetch_dataset(
            repository.layout, name, tracker=tracker, source="folder", arguments=arguments
        ).artifact

    return fetch_copy
