"""What a resumed process must know of its W&B run, so that the curve has no gap and no step is there twice."""

import json
import shutil
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from gsv_pipeline.tracking.csv_log import STEP
from gsv_pipeline.tracking.wandb_folder import is_open, mark_sent

OFFLINE: Final = "offline"
ONLINE: Final = "online"
_ELSEWHERE: Final = ("path", "log")


@dataclass(slots=True)
class RunMemory:
    """A small file beside the training state; it goes when the state goes.

    W&B buffers: of a process that is killed, its folder and its service lack the last rows. So the process that goes on
    tells them again, from the local log.

    Args:
        path: The file.
        log: The local log, as JSON lines.
        attempt: Which training of the same settings this is: another one is another run.
        mode: `online` or `offline`, as the last part was; empty before the first.
        part: Folder of the last part, if it did not come to its end.
        handed: Last step that W&B was told.
        kept: Last step of the parts that came to their end: these hold everything.
    """

    path: Path
    log: Path
    attempt: str
    mode: str = ""
    part: str = ""
    handed: int = -1
    kept: int = -1

    @classmethod
    def open(cls, path: Path, *, log: Path) -> Self:
        """What was remembered; where there is nothing, a new attempt."""
        try:
            return cls(path, log, **json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            memory = cls(path, log, f"{datetime.now(UTC):%Y%m%d%H%M%S}")
            memory._write()
            return memory

    def begin(self, part: Path, *, mode: str, at_service: int | None) -> int:
        """A process begins to log; the last step that need not be told again.

        Args:
            part: Its folder.
            mode: `online` or `offline`.
            at_service: Last step that the service has, if it knows the run.
        """
        if mode == ONLINE:
            since = -1 if at_service is None else at_service
        else:
            since = self.handed if self.mode == ONLINE else self.kept
        self._supersede(mode)
        self.mode, self.part = mode, str(part)
        self._write()
        return since

    def hand(self, step: int) -> None:
        """W&B was told about `step`."""
        self.handed = max(step, self.handed)
        self._write()

    def end(self) -> None:
        """The process came to its end, and W&B wrote everything."""
        self.kept, self.part = self.handed, ""
        self._write()

    def rows(self, *, after: int, before: int) -> dict[int, dict[str, Any]]:
        """What the local log says about the steps between, the last word about each; pictures are paths."""
        found: dict[int, dict[str, Any]] = {}
        for row in _read_lines(self.log):
            step = row.pop(STEP, None)
            if isinstance(step, int) and after < step < before:
                found.setdefault(step, {}).update(row)
        return dict(sorted(found.items()))

    def _supersede(self, mode: str) -> None:
        """What is told again must not be sent from the folder of the part that broke off too."""
        part = Path(self.part)
        if not self.part or not part.is_dir() or is_open(part):
            return
        if mode == ONLINE:
            mark_sent(part)
        elif part.name.startswith("offline-run-"):
            shutil.rmtree(part, ignore_errors=True)

    def _write(self) -> None:
        """Write it down; a file that cannot be written costs no more than a few steps that are told twice."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _ELSEWHERE}
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        try:
            temporary.write_text(json.dumps(kept) + "\n", encoding="utf-8")
            temporary.replace(self.path)
        except OSError:
            temporary.unlink(missing_ok=True)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [row for row in map(_read_line, lines) if isinstance(row, dict)]


def _read_line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # half a line of a process that was killed
