"""Image files below a folder, in the order in which people count."""

from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def list_images(folder: Path) -> list[Path]:
    """Every image file below `folder`, by suffix, in natural order of the relative path (db2 before db10).

    Raises:
        DataError: No such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Expected a folder of images ({', '.join(SUFFIXES)}).")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not found:
        raise DataError(f"No image in {folder}. Expected files that end in {', '.join(SUFFIXES)}.")
    return sorted(found, key=lambda path: (_natural(name := path.relative_to(folder).as_posix()), name))


def _natural(text: str) -> list[tuple[int, int, str]]:
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for character in [*text, ""]:
        if character.isdecimal():  # not isdigit: a superscript two is a digit that int() refuses
            digits += character
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, character))
    return parts
