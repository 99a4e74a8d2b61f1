"""The Tracker protocol, the tracker that does nothing and the one that speaks to several."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol


class Progress(Protocol):
    """A bar that is under way."""

    def advance(self, count: int = 1, **shown: float) -> None:
        """Count `count` more items as done; `shown` are numbers to print behind the bar (loss, recall)."""


class Tracker(Protocol):
    """What stages and loops report to. They receive one as an argument and know nothing of its sinks."""

    def message(self, text: str) -> None:
        """A sentence for the person who waits."""

    def progress(self, description: str, total: int, unit: str = "image") -> AbstractContextManager[Progress]:
        """A bar over `total` items; use it as a context manager and call `advance`."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers of training or evaluation at `step` (optimizer steps)."""

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
        """A small table (recalls, for example)."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """An image file worth looking at, drawn at `step`."""

    def artifact(self, name: str, path: Path, kind: str, *, metadata: Mapping[str, Any] | None = None) -> None:
        """A file or folder worth keeping with the run (`kind`: 'model', 'report'), and what is known about it."""


class _NullProgress:
    def advance(self, count: int = 1, **shown: float) -> None:
        """Nothing to show."""


class NullTracker:
    """Reports nothing."""

    def message(self, text: str) -> None:
        """Nothing to say."""

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator[Progress]:
        """A bar nobody sees."""
        yield _NullProgress()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Nothing to log."""

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
        """Nothing to show."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """Nothing to look at."""

    def artifact(self, name: str, path: Path, kind: str, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Nothing to keep."""


class _ProgressFan:
    def __init__(self, bars: Sequence[Progress]) -> None:
        self._bars = bars

    def advance(self, count: int = 1, **shown: float) -> None:
        for bar in self._bars:
            bar.advance(count, **shown)


class Trackers:
    """Reports to several trackers at once, in the order given."""

    def __init__(self, *sinks: Tracker) -> None:
        self._sinks = sinks

    @property
    def sinks(self) -> Sequence[Tracker]:
        """Those told, in their order."""
        return self._sinks

    def message(self, text: str) -> None:
        """To every sink."""
        for sink in self._sinks:
            sink.message(text)

    @contextmanager
    def progress(self, description: str, total: int, unit: str = "image") -> Iterator[Progress]:
        """One bar in every sink."""
        with ExitStack() as stack:
            yield _ProgressFan([stack.enter_context(sink.progress(description, total, unit)) for sink in self._sinks])

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """To every sink."""
        for sink in self._sinks:
            sink.log(metrics, step)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
        """To every sink."""
        kept = [list(row) for row in rows]
        for sink in self._sinks:
            sink.table(name, columns, kept)

    def picture(self, name: str, path: Path, step: int) -> None:
        """To every sink."""
        for sink in self._sinks:
            sink.picture(name, path, step)

    def artifact(self, name: str, path: Path, kind: str, *, metadata: Mapping[str, Any] | None = None) -> None:
        """To every sink."""
        for sink in self._sinks:
            sink.artifact(name, path, kind, metadata=metadata)
