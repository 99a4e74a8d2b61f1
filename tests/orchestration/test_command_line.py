"""The commands of the README, in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DAGSTER = str(Path(sys.executable).parent / "dagster")


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    return subprocess.run(
        [DAGSTER, *arguments],
        cwd=folder,
        env={**clean, "WANDB_MODE": "disabled", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_workspace_is_valid_from_any_folder(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "dagster.yaml", tmp_path)

    done = run("definitions", "validate", "-w", str(REPOSITORY / "workspace.yaml"), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "Preview" not in done.stderr  # what Dagster thinks of partitioned checks is no news to a reader


@pytest.mark.parametrize("config", [(), ("-c", str(REPOSITORY / "assets" / "demo_run.yaml"))])
def test_a_failed_run_exits_with_1_and_says_why_in_one_sentence(tmp_path: Path, config: tuple[str, ...]) -> None:
    shutil.copy(REPOSITORY / "dagster.yaml", tmp_path)
    (tmp_path / "file").write_text("no folder")
    definitions = str(REPOSITORY / "assets" / "definitions.py")

    done = run(
        *("job", "execute", "-f", definitions, "-d", str(REPOSITORY), "-j", "demo", *config),
        folder=tmp_path,
        GSV_SEED="1",
        GSV_DATA_ROOT=str(tmp_path / "file"),
    )

    assert done.returncode == 1
    assert "DEBUG" not in done.stderr
    assert f"The data root {tmp_path / 'file'} cannot be created" in done.stderr
    assert (tmp_path / ".dagster" / "storage").is_dir()
