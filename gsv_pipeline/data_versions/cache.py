"""Objects of DVC: where they lie in a cache and on a remote, and which ones a version lacks."""

import hashlib
import json
from pathlib import Path
from typing import Final

from gsv_pipeline.data_versions.record import Content
from gsv_pipeline.data_versions.whole_files import write_whole

OBJECTS: Final = "files/md5"
"""Below a cache and below a remote alike (DVC 3): `files/md5/<first two digits>/<the others>`."""


def object_path(md5: str) -> str:
    """Where an object lies, relative to a cache or a remote."""
    return f"{OBJECTS}/{md5[:2]}/{md5[2:]}"


def missing_objects(cache: Path, content: Content) -> list[str]:
    """Hashes that a checkout needs and the cache has not; of a folder whose list is missing, that of the list."""
    if not (cache / object_path(content.md5)).is_file():
        return [content.md5]
    hashes = set(listed_hashes(cache, content).values())
    return sorted(md5 for md5 in hashes if not (cache / object_path(md5)).is_file())


def listed_hashes(cache: Path, content: Content) -> dict[str, str]:
    """Name -> MD5 of each file of a version whose list is in the cache."""
    listed = json.loads((cache / object_path(content.md5)).read_text(encoding="utf-8"))
    return {item["relpath"]: item["md5"] for item in listed}


def put_object(cache: Path, data: bytes) -> str:
    """Put bytes into the cache; returns their MD5."""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = cache / object_path(md5)
    if not path.is_file():
        write_whole(path, data)
    return md5
