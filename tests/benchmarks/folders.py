"""Small benchmarks in the forms that users have on their disks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.published import save_photo


def write_photos(folder: Path, names: Sequence[str], *, seed: int = 0) -> list[Path]:
    """A photograph of its own under each name."""
    return [save_photo(folder / name, seed + number) for number, name in enumerate(names)]


def copy_photos(folder: Path, names: Sequence[str]) -> None:
    """The same photograph under each name: quick where there are many."""
    data = save_photo(folder / "one.jpg", 1).read_bytes()
    (folder / "one.jpg").unlink()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def utm_name(east: float, north: float, *, note: str = "", number: int = 0) -> str:
    """As VPR-datasets-downloader names files; a zone is stated where the metres can be of one."""
    zone = "17@T" if east >= 100_000 else "@"
    return f"@{east:010.2f}@{north:010.2f}@{zone}@040.44000@-079.99000@pano{number}@@090@@@@20130715_101500@{note}@.jpg"


def write_utm_side(folder: Path, points: Sequence[tuple[float, float]], *, note: str = "") -> list[str]:
    """A photograph at each point; their names in sorted order."""
    names = [utm_name(east, north, note=note, number=number) for number, (east, north) in enumerate(points)]
    write_photos(folder, names)
    return sorted(names)


def ragged(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Lists of unequal lengths as NumPy keeps them."""
    array = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        array[number] = np.array(row, dtype=np.int64)
    return array


def write_lists(folder: Path, stem: str, *, endings: Mapping[str, object]) -> None:
    """`<stem>_<ending>.npy` for each of `endings`."""
    folder.mkdir(parents=True, exist_ok=True)
    for ending, values in endings.items():
        np.save(folder / f"{stem}_{ending}.npy", values, allow_pickle=True)


def numbered(folder: str, count: int) -> list[str]:
    """`ref/0000000.jpg` and so on."""
    return [f"{folder}/{number:07d}.jpg" for number in range(count)]


def lists(positives: Sequence[np.ndarray]) -> list[list[int]]:
    """Positives as plain lists."""
    return [rows.tolist() for rows in positives]
