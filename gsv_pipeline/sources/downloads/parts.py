"""A file that is being downloaded: the part on disk and the note of which version of which file it is a part of."""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from gsv_pipeline.manifest import write_json
from gsv_pipeline.sources.downloads.remote import Answer

_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a part.

    Args:
        etag: As the server sent it.
        modified: As the server sent it.
        length: Bytes of the whole file; None when the server does not say.
        ended: The server said that there is no more.
        sha256: Of the whole file, once it is there.
        finished: When it was, ISO, UTC.
    """

    etag: str = ""
    modified: str = ""
    length: int | None = None
    ended: bool = False
    sha256: str = ""
    finished: str = ""

    @property
    def validator(self) -> str:
        """What If-Range takes: a strong ETag or a date (RFC 9110, 13.1.5); empty without either."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag

    def fits(self, answer: Answer) -> bool:
        """Whether nothing in the answer says that it is of another file."""
        known = ((self.etag, answer.etag), (self.modified, answer.modified), (self.length, answer.total))
        return all(not ours or not theirs or ours == theirs for ours, theirs in known)


class Part:
    """What is there of a URL's file.

    Args:
        folder: Each URL has a folder of its own below it: files of one name must not be taken for each other.
        url: Where the file comes from.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder / hashlib.sha256(url.encode()).hexdigest()[:12]
        last = unquote(urlsplit(url).path).rpartition("/")[2]
        name = re.sub(r"[^\w.-]+", "_", last, flags=re.ASCII).strip(".")[-_LONGEST_NAME:]
        self.final = self.folder / (name or "download")
        self.path = self.folder / f"{self.final.name}.part"
        self._note = self.folder / f"{self.final.name}.json"

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        note = self.note
        return self.path.exists() and (note.ended or self.size == note.length)

    @property
    def note(self) -> Note:
        """The note; an empty one when it is missing or unreadable."""
        with suppress(OSError, ValueError, TypeError):
            return Note(**json.loads(self._note.read_text(encoding="utf-8")))
        return Note()

    def write_note(self, note: Note) -> None:
        """Replace the note in one step."""
        write_json(self._note, asdict(note))

    def restart(self, answer: Answer) -> None:
        """Forget what is there and note what comes."""
        self.clear()
        self.folder.mkdir(exist_ok=True)
        self.write_note(Note(answer.etag, answer.modified, answer.total))

    def clear(self) -> None:
        """Remove everything; the note last, since a part without one is taken for nothing."""
        for path in (self.final, self.path, self._note):
            path.unlink(missing_ok=True)
