"""SIGTERM and Ctrl-C while training: the first one waits until the step is finished and its state is saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from gsv_pipeline.errors import StoppedError

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Holds the first signal back; whoever handled it before (a shell command, Dagster, Python) gets it afterwards.

    Attributes:
        asked: Number of the signal that arrived; 0 while none has.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._before: dict[int, object] = {}

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Note the first signal inside of this; a second one ends the process at once.

        Outside of the main thread no handler can be set, and none is: there signals go where they always went.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # One that is ignored (nohup) stays ignored, and one that was not set from Python could not be put back.
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
        for number in self._before:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            self._restore()

    def obey(self, number: int) -> NoReturn:
        """Hand signal `number` on, now that everything is saved.

        Raises:
            StoppedError: Where nobody else handles it; else what its handler raises.
        """
        handler = signal.getsignal(number)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            handler(number, None)
        raise StoppedError(f"stopped by {signal.Signals(number).name}", number)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._restore()
            self.obey(number)
        self.asked = number

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
