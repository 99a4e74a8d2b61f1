"""Looks at the image files of a city; what is unchanged since the last look is not looked at again."""

import os
from collections.abc import Callable, Sequence
from typing import Final

from gsv_pipeline.catalog.decode import full_look, read_whole
from gsv_pipeline.catalog.facts import UNSEEN, Facts, is_known_in_part, needs_all_bytes, settle
from gsv_pipeline.catalog.headers import Look, look_all, quick_look
from gsv_pipeline.tracking import NullTracker, Tracker

SMALL_CITY_BYTES: Final = 256 << 20
"""Of a city up to this size all bytes are read once, in a second or so; a large one would take its time at every
change of code."""

_FEW: Final = 256  # files that are read whole; more of them deserve a bar of their own


def image_facts(
    root: str,
    image_ids: Sequence[str],
    *,
    before: dict[str, Facts],
    level: str,
    again: bool,
    tracker: Tracker,
    description: str,
) -> list[Facts]:
    """Look at images as closely as `level` says.

    Args:
        root: What `image_ids` are relative to.
        image_ids: Files that exist, or did when the folder was listed.
        before: What was known of them at the last look.
        level: A key of `report.LEVELS`. 'quick' looks again at what has another size or time (in small cities at what
            was never read whole, too), 'full' at everything.
        again: Look at everything in any case.
        tracker: Shows a bar.
        description: Of the bar.
    """
    known = [before.get(image_id, UNSEEN) for image_id in image_ids]
    if level == "names":
        return known
    paths = [f"{root}/{image_id}" for image_id in image_ids]
    stamps = [_stamp(path) for path in paths]
    is_full, is_small = level == "full", sum(size for size, _ in stamps) <= SMALL_CITY_BYTES
    rows = [
        row
        for row, (stamp, fact) in enumerate(zip(stamps, known, strict=True))
        if is_full or again or not fact.time or stamp != fact.stamp or (is_small and is_known_in_part(fact))
    ]
    look: Callable[[str], Look] = full_look if is_full else quick_look
    looks = _looks([paths[row] for row in rows], look=look, tracker=tracker, description=description)
    changed = [
        row for row, seen in zip(rows, looks, strict=True) if needs_all_bytes(seen, known[row], is_small=is_small)
    ]
    hashes = _hashes(paths, changed, tracker=tracker, description=description)
    facts = list(known)
    for row, seen in zip(rows, looks, strict=True):
        all_bytes = seen.whole or hashes.get(row, "")
        facts[row] = settle(seen, known[row], time=stamps[row][1], all_bytes=all_bytes, decoded=is_full)
    return facts


def _looks(paths: list[str], *, look: Callable[[str], Look], tracker: Tracker, description: str) -> list[Look]:
    return look_all(paths, look=look, tracker=tracker, description=description) if paths else []


def _hashes(paths: list[str], rows: list[int], *, tracker: Tracker, description: str) -> dict[int, str]:
    """Hashes of all bytes by row, read on all processors."""
    shown = tracker if len(rows) > _FEW else NullTracker()
    files = [paths[row] for row in rows]
    looks = _looks(files, look=read_whole, tracker=shown, description=f"{description}, all bytes")
    return {row: seen.whole for row, seen in zip(rows, looks, strict=True)}


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - half a million times
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
