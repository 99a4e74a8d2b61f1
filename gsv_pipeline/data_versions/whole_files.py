"""Files as wholes: hashed as DVC does, and written so that nobody ever reads half of one."""

import hashlib
from pathlib import Path

from gsv_pipeline.errors import DataError


def hash_file(path: Path) -> tuple[str, int]:
    """MD5 and size in bytes of a file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            return digest.hexdigest(), file.tell()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Mend or remove it, then try again.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file through another one beside it; folders are made.

    Raises:
        OSError: The disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_bytes(data)
    beside.replace(path)
