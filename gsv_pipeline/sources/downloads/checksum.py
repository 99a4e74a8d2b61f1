"""SHA-256 of large files: read, asked for and compared."""

import hashlib
import re
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.sources.archives.members import CHUNK_BYTES
from gsv_pipeline.tracking import Tracker

_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def check_sha256(text: str | None) -> str | None:
    """The hash as 64 lowercase digits; None stays None.

    Raises:
        ConfigError: It is none.
    """
    if text is None:
        return None
    found = _SHA256.fullmatch(str(text).strip().lower())
    if found is None:
        raise ConfigError(f"sha256 is {text!r}, expected 64 hexadecimal digits, as sha256sum prints them.")
    return found[1]


def hash_file(path: Path, *, tracker: Tracker) -> str:
    """SHA-256 of a file, with a bar."""
    digest = hashlib.sha256()
    total = path.stat().st_size
    with path.open("rb") as file, tracker.progress(f"Hashing {path.name}", total=total, unit="B") as bar:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            bar.advance(len(piece))
    return digest.hexdigest()


def wrong_hash(name: str, *, found: str, wanted: str, next_step: str) -> DataError:
    """The error for a file that is not the one asked for."""
    return DataError(
        f"{name} is another file than expected: its SHA-256 is {found}, expected {wanted}. {next_step}",
        {"sha256_found": found, "sha256_expected": wanted},
    )
