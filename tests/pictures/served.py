"""The real Dagster UI with its daemon on loopback, over a Dagster home and a data root of its own."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.dagster_home import BIN, Home
from tests.ports import answers, free_port
from tests.waiting import wait_for

_START_S: Final = 180.0
_END_S: Final = 60.0


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The address of the UI for the time of the block; all its processes are gone after it."""
    port = free_port()
    command = [BIN / "dagster", "dev", "--host", "127.0.0.1", "--port", str(port), "--workspace", "workspace.yaml"]
    with started(command, home, port=port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def started(command: Sequence[str | Path], home: Home, *, port: int) -> Iterator[None]:
    """Run `command` in `home` for the time of the block, which begins when somebody listens on `port`."""
    said = home.folder / "said"
    with said.open("w") as file:
        # A session of its own: whatever it starts is ended with it.
        process = subprocess.Popen(
            command, cwd=home.folder, env=home.environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        wait_for(lambda: process.poll() is not None or answers(port), within_s=_START_S)
        assert process.poll() is None, said.read_text()
        yield
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
