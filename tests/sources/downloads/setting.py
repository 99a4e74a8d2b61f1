"""A file to download, the ways in which its server fails, and a tracker that notes what it is told."""

import hashlib
import random
from contextlib import contextmanager

from gsv_pipeline.tracking import NullTracker
from tests.loopback import Fault

CONTENT = b"PK\x03\x04" + random.Random(1).randbytes(600_000)
HASH = hashlib.sha256(CONTENT).hexdigest()
PATH = "/v0.1/set.zip"
MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT"
CUT = Fault(cut_after=100_000)
BUSY = Fault(503)


class Recording(NullTracker):
    """Notes bars and sentences; `at` bytes of a bar it raises."""

    def __init__(self, raises=None, at=0):
        self.messages, self.bars, self.raises, self.at = [], [], raises, at

    def message(self, text):
        self.messages.append(text)

    @contextmanager
    def progress(self, description, total, unit="image"):
        bar = Bar(self, description, total, unit)
        self.bars.append(bar)
        yield bar


class Bar:
    def __init__(self, tracker, description, total, unit):
        self.tracker, self.description, self.total, self.unit, self.done = tracker, description, total, unit, 0

    def advance(self, count=1, **shown):
        self.done += count
        if self.tracker.raises and self.done >= self.tracker.at:
            raise self.tracker.raises


def parts(get):
    return {path.name: path.stat().st_size for path in get.folder.rglob("*.part")}
