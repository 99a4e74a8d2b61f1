"""The real Dagster UI with its daemon on loopback, over a Dagster home and a data root of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.orchestration.waiting import wait_for
from tests.pictures.pages import DOCS

REPOSITORY: Final = DOCS.parent
ONE_PROCESS: Final = REPOSITORY / "tests" / "orchestration" / "one_process.py"
"""The code location whose runs take one process: a step of its own costs seconds."""
_DAGSTER: Final = Path(sys.executable).parent / "dagster"
_START_S: Final = 180.0
_END_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Home:
    """A Dagster home with the shipped settings, and the data root that its runs write to."""

    folder: Path
    root: Path

    @classmethod
    def make(cls, folder: Path, root: Path) -> "Home":
        """Make `folder` a Dagster home over the data root `root`."""
        folder.mkdir()
        shutil.copy(REPOSITORY / "dagster.yaml", folder)
        entry = {
            "relative_path": str(ONE_PROCESS),
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

    def execute(self, job: str) -> None:
        """Run a job from the shell to its end; it is an error when it fails."""
        command = [_DAGSTER, "job", "execute", "-f", ONE_PROCESS, "-d", REPOSITORY, "-j", job]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The address of the UI for the time of the block; all its processes are gone after it."""
    port, said = _free_port(), home.folder / "said"
    command = [_DAGSTER, "dev", "--host", "127.0.0.1", "--port", str(port), "--workspace", "workspace.yaml"]
    with said.open("w") as file:
        # A session of its own: whatever it starts is ended with it.
        process = subprocess.Popen(
            command, cwd=home.folder, env=home.environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        wait_for(lambda: process.poll() is not None or _answers(port), within_s=_START_S)
        assert process.poll() is None, said.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
