"""Downloading one large file: whatever ends a run, what has arrived is kept, and the next one asks for the rest."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.sources.disk import human_bytes, is_full, require_room
from gsv_pipeline.sources.downloads.addresses import check_url, without_secrets
from gsv_pipeline.sources.downloads.checksum import check_sha256, hash_file, wrong_hash
from gsv_pipeline.sources.downloads.parts import Part
from gsv_pipeline.sources.downloads.refusals import BrokenError
from gsv_pipeline.sources.downloads.remote import Answer, ask
from gsv_pipeline.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download is tried.

    Args:
        tries: In a row, without a single new byte.
        first_wait_s: Before the second try; it doubles with each one.
        longest_wait_s: Where the doubling ends.
        longest_asked_s: The most that a server's Retry-After is granted.
        silence_s: Longest time without a byte.
        sleep: Waits.
        share: Draws what part of a wait is taken, so that not all clients come back at once.
    """

    tries: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_asked_s: float = 300.0
    silence_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    share: Callable[[float, float], float] = random.SystemRandom().uniform

    def wait_s(self, tries: int, asked_s: float | None) -> float:
        """Seconds to wait after so many tries in a row."""
        if asked_s is not None:
            return min(asked_s, self.longest_asked_s)
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** (tries - 1)) * self.share(0.5, 1.0)


PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A whole file.

    Args:
        path: Where it lies.
        sha256: Of its bytes.
        bytes: Its size.
        finished: When it had arrived, ISO, UTC.
    """

    path: Path
    sha256: str
    bytes: int
    finished: str


def download(
    url: str,
    folder: Path,
    *,
    tracker: Tracker,
    sha256: str | None = None,
    unpacks_to: float = 0.0,
    patience: Patience = PATIENCE,
) -> Downloaded:
    """Download `url` into `folder`, going on where an earlier run ended.

    A part is only continued where the server can tell that the file is still the same (ETag or Last-Modified), or
    where `sha256` will tell. A file that arrived whole in an earlier run is not asked for again.

    Args:
        url: http or https; a user name and password in it are sent to its host alone.
        folder: Exists; keeps the part, its note and the finished file.
        tracker: Shows bars in bytes, and a sentence for each further try.
        sha256: What the file must be; None takes whatever arrives.
        unpacks_to: Room that unpacking will take, as a multiple of the file's size.
        patience: When to try again and when to give up.

    Raises:
        ConfigError: No such URL, host or hash.
        DataError: The server refuses or sends a web page, the hash is another, or the disk is full.
        RunError: Try after try brought no new byte.
    """
    check_url(url)
    wanted = check_sha256(sha256)
    part = Part(folder, url)
    if _is_finished(part, tracker):
        tracker.message(f"Using {part.final.name} as downloaded {part.note.finished}")
    else:
        is_proven = wanted is not None
        transfer = _Transfer(part, url, tracker=tracker, patience=patience, unpacks_to=unpacks_to, is_proven=is_proven)
        transfer.complete()
        _finish(part, tracker)
    note = part.note
    if wanted not in (None, note.sha256):
        part.clear()
        next_step = "It is removed: the same command starts clean. Compare the hash with the publisher's page."
        raise wrong_hash(without_secrets(url), found=note.sha256, wanted=wanted, next_step=next_step)
    return Downloaded(part.final, note.sha256, part.final.stat().st_size, note.finished)


def discard(url: str, folder: Path) -> None:
    """Remove what was downloaded of `url`, so that the next try starts clean."""
    Part(folder, url).clear()


def _is_finished(part: Part, tracker: Tracker) -> bool:
    """Whether the file is there, and still what it was when it arrived."""
    if not part.final.exists():
        return False
    if hash_file(part.final, tracker=tracker) == part.note.sha256:
        return True
    part.clear()
    return False


def _finish(part: Part, tracker: Tracker) -> None:
    found = hash_file(part.path, tracker=tracker)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    part.write_note(replace(part.note, ended=True, sha256=found, finished=finished))
    part.path.rename(part.final)


@dataclass(frozen=True, slots=True)
class _Transfer:
    """Requests until a part is whole.

    Args:
        is_proven: A hash will tell whether the pieces are of one file.
    """

    part: Part
    url: str
    tracker: Tracker
    patience: Patience
    unpacks_to: float
    is_proven: bool

    def complete(self) -> None:
        tries, furthest = 0, self.part.size
        while not self.part.is_whole:
            try:
                self._receive()
            except BrokenError as error:
                # Measured against the furthest ever: a server that starts anew and breaks at the same byte must end.
                tries = 1 if self.part.size > furthest else tries + 1
                furthest = max(furthest, self.part.size)
                self._wait(tries, error)

    def _wait(self, tries: int, error: BrokenError) -> None:
        host = urlsplit(self.url).hostname
        if tries >= self.patience.tries:
            raise RunError(
                f"{host}: {error}, {tries} times in a row. What has arrived ({human_bytes(self.part.size)}) is kept. "
                "Check the network and run the same command again later: it goes on from there."
            ) from error
        wait_s = self.patience.wait_s(tries, error.wait_s)
        self.tracker.message(
            f"{host}: {error}. Trying again in {wait_s:.0f} s ({tries} of {self.patience.tries} tries)"
        )
        self.patience.sleep(wait_s)

    def _receive(self) -> None:
        note = self.part.note
        start = self.part.size if note.validator or self.is_proven else 0
        with ask(self.url, start=start, validator=note.validator, timeout_s=self.patience.silence_s) as answer:
            if answer.refused and answer.total == start and note.fits(answer):
                self.part.write_note(replace(note, ended=True))  # nothing was missing
                return
            if not answer.refused and answer.start == 0:
                self._start_clean(answer)
            elif answer.refused or answer.start != start or not note.fits(answer):
                self.part.clear()
                raise BrokenError("the file there is another one by now", 0.0)
            self._append(answer)

    def _start_clean(self, answer: Answer) -> None:
        if self.part.size:
            gone = human_bytes(self.part.size)
            self.tracker.message(
                f"The server cannot go on where {gone} had arrived, or its file changed: starting anew"
            )
        self.part.restart(answer)

    def _append(self, answer: Answer) -> None:
        name, left = self.part.final.name, (answer.total or answer.start) - answer.start
        needed = left + int(self.unpacks_to * (answer.total or 0))
        require_room(self.part.folder, needed, purpose=f"to download and unpack {name}")
        if answer.start:
            self.tracker.message(f"Going on with {name} after {human_bytes(answer.start)}")
        try:
            with (
                self.part.path.open("ab") as file,
                self.tracker.progress(f"Downloading {name}", total=left, unit="B") as bar,
            ):
                for piece in answer.pieces():
                    file.write(piece)
                    bar.advance(len(piece))
        except OSError as error:
            if is_full(error):
                raise self._full(error) from error
            raise
        self.part.write_note(replace(self.part.note, ended=True))

    def _full(self, error: OSError) -> DataError:
        return DataError(
            f"The disk of {self.part.folder} became full while {self.part.final.name} was downloaded "
            f"({error.strerror}). What has arrived ({human_bytes(self.part.size)}) is kept. Free some space and run "
            "the same command again: it goes on from there."
        )
