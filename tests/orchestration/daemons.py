"""The real daemon over a Dagster home of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dagster_home import BIN, Home


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that runs."""

    process: subprocess.Popen[bytes]
    output: Path

    def is_gone(self) -> bool:
        """Whether it has ended by itself, which it never should."""
        return self.process.poll() is not None

    def said(self) -> str:
        """What it has written so far."""
        return self.output.read_text()


@contextmanager
def daemon(home: Home, **settings: str) -> Iterator[Daemon]:
    """The daemon of `home` for the time of the block, with `settings` in its environment."""
    output = home.folder / "said"
    with output.open("w") as said:
        process = subprocess.Popen(
            [BIN / "dagster-daemon", "run", "-w", "workspace.yaml"],
            cwd=home.folder,
            env={**home.environment, **settings},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Daemon(process, output)
    finally:
        process.terminate()
        process.wait(timeout=60)


def switch_on(home: Home, kind: str) -> None:
    """All schedules or all sensors, as a person does it.

    Args:
        home: Whose.
        kind: `schedule` or `sensor`.
    """
    done = home.dagster(kind, "start", "--start-all", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stderr
