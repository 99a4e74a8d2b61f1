"""A board on which processes leave words for each other: that training begins, how it ended, what one died of."""

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gsv_pipeline import errors
from gsv_pipeline.errors import GsvError, RunError, StoppedError

BEGIN: Final = "begin"
END: Final = "end"
FAILURE: Final = "failure"
_HEARD: Final = "heard"

POLL_S: Final = 0.1
HEARD_S: Final = 5.0
"""How long a process that ends waits for the others to read why."""
CAUSE_S: Final = 1.0
"""How long one whose connection closed looks for the reason; it is left before a connection closes."""
_LOST: Final = ("gloo/transport", "by peer", "Broken pipe", "NCCL")
"""What errors of torch say when another process is gone; they are plain RuntimeErrors."""

Word = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Board:
    """Words by key.

    Args:
        store: A `torch.distributed` store that all processes see.
        rank: Which process this is.
    """

    store: Any
    rank: int

    def say(self, key: str, word: Word) -> None:
        """Leave a word for the others."""
        self.store.set(key, json.dumps(word))

    def say_failure(self, error: BaseException) -> None:
        """Leave what this process fails of. The first failure counts: those of the others follow from it."""
        self.store.compare_set(FAILURE, "", json.dumps({"error": {**as_word(error), "process": self.rank}}))

    def read(self, key: str) -> dict[str, Any]:
        """A word that was said."""
        word: dict[str, Any] = json.loads(self.store.get(key))
        return word

    def wait(self, *keys: str) -> str:
        """The first of `keys` that is said. It sleeps in Python, so that signals arrive meanwhile."""
        while (key := self._first_of(keys)) is None:
            time.sleep(POLL_S)
        return key

    def cause(self, error: BaseException, *keys: str) -> BaseException:
        """What another process says it died of, where `error` may only be that its connection closed; else `error`."""
        if not isinstance(error, RuntimeError):
            return error
        if self._until(lambda: self._first_of(keys) is not None, seconds=CAUSE_S):
            word = self.read(self._first_of(keys) or FAILURE).get("error")
            return from_word(word) if word else error
        if not any(sign in str(error) for sign in _LOST):
            return error
        return RunError(
            "Another process of this run ended without a word: killed, most likely because memory ran out. The last "
            f"saved state is kept, and the same command goes on from it. ({str(error).splitlines()[0]})"
        )

    def hear(self) -> None:
        """Say that this process has read all that it will read."""
        self.store.add(_HEARD, 1)

    def wait_until_heard(self, listeners: int) -> None:
        """Leave last: torchrun ends those that are still busy as soon as one process fails."""
        self._until(lambda: self.store.add(_HEARD, 0) >= listeners, seconds=HEARD_S)

    def _first_of(self, keys: tuple[str, ...]) -> str | None:
        return next((key for key in keys if self.store.check([key])), None)

    def _until(self, holds: Callable[[], bool], *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def as_word(error: BaseException) -> dict[str, Any]:
    """An error as plain values; one that nobody raised on purpose becomes a RunError."""
    if isinstance(error, StoppedError | KeyboardInterrupt):
        number = error.number if isinstance(error, StoppedError) else int(signal.SIGINT)
        return {"kind": StoppedError.__name__, "message": str(error), "number": number}
    if isinstance(error, GsvError):
        return {"kind": type(error).__name__, "message": str(error), "details": error.details}
    return {"kind": RunError.__name__, "message": f"{type(error).__name__}: {error}"}


def from_word(word: Word) -> BaseException:
    """The error that `as_word` was given, for another process to raise."""
    if word["kind"] == StoppedError.__name__:
        return StoppedError(word["message"], word["number"])
    where = f" (in process {word['process']})" if word.get("process") else ""
    built: GsvError = getattr(errors, word["kind"])(f"{word['message']}{where}", word.get("details"))
    return built
