"""docs/data_versions.md, typed as it stands there, in a repository of git and DVC and in a clone of it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import Typed
from tests.pictures.reader import type_in
from tests.published import shots_of, write_city
from tests.versioned import BIN, PROTECTED, Repository, contents

PAGE = "data_versions.md"
COPY, STORAGE = "/disk/gsv-cities", "/mnt/backup/gsv"
REMOVES, PUSHES_TO, ELSEWHERE = '-m "Without one image"', "--remote team", "pull"
"""What happens in the page before a command: an image is removed, a remote is made, a clone is entered."""


def type_dvc(command: Typed, at: Repository) -> str:
    """As a shell finds it, in the repository; the demo was not made there, so the images are all there is to bring."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    target = ["data/dataset/gsv_cities.dvc"] if command.arguments[1] in ("checkout", "pull", "push") else []
    done = subprocess.run(
        [*command.arguments, *target], cwd=at.path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command.command}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_commands_of_the_page_run_one_after_the_other(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_city(tmp_path / "copy", "London", shots_of(3, 4))
    repository.dvc("remote", "add", "team", str(tmp_path / "team"))
    clone, ran, before = None, [], {}
    for one in (item for item in to_type() if item.page == PAGE):
        text = one.text.replace(COPY, str(tmp_path / "copy")).replace(STORAGE, str(tmp_path / "storage"))
        command, artifact = Typed(text, None), repository.layout.dataset(PROTECTED)
        if REMOVES in text:
            before = contents(artifact)
            min((artifact / "Images" / "London").iterdir()).unlink()
        if ELSEWHERE in command.arguments and clone is None:
            repository.git("commit", "--quiet", "--all", "-m", "The first version again")
            clone = repository.clone(tmp_path / "clone")
        at = clone if clone and ELSEWHERE in command.arguments else repository
        monkeypatch.chdir(at.path)
        if command.arguments[0] == "dvc":
            type_dvc(command, at)
        else:
            code, printed = type_in(command, at.layout.root)
            assert code == 0, f"{text}\n{printed}"
        if "restore" in text:
            assert contents(artifact) == before
        ran.append(one.text)
    assert_all_run(PAGE, ran, by=__file__)
    assert clone is not None
    assert contents(clone.layout.dataset(PROTECTED)) == before
    assert list((tmp_path / "storage").rglob("*.dir"))
    assert list((tmp_path / "team").rglob("*.dir"))
