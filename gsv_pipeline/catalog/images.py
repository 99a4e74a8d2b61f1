"""What is known of each image file of a city; what is unchanged since the last look is not looked at again."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from gsv_pipeline.catalog.decode import full_look
from gsv_pipeline.catalog.headers import COVERED_BYTES, Look, look_all, quick_look
from gsv_pipeline.tracking import Tracker

FACT_COLUMNS: Final = ("width", "height", "bytes", "time", "content", "whole", "image_problem", "image_detail")
"""Of a row's image: pixels, bytes, modification time in ns, token of the content, hash of all bytes (empty where they
were never read), the rule that the file breaks and what was found."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One row of FACT_COLUMNS."""

    width: int = 0
    height: int = 0
    bytes: int = 0
    time: int = 0
    content: str = ""
    whole: str = ""
    problem: str = ""
    detail: str = ""


_UNSEEN: Final = Facts()


def image_facts(
    root: Path, image_ids: list[str], *, before: dict[str, Facts], level: str, tracker: Tracker, description: str
) -> list[Facts]:
    """Look at images as closely as `level` says.

    Args:
        root: What `image_ids` are relative to.
        image_ids: Files that exist, or did when the folder was listed.
        before: What was known of them at the last look.
        level: A key of `report.LEVELS`. 'quick' looks again at what has another size or time, 'full' at everything.
        tracker: Shows a bar.
        description: Of the bar.
    """
    if level == "names":
        return [before.get(image_id, _UNSEEN) for image_id in image_ids]
    folder = str(root)
    paths = [f"{folder}/{image_id}" for image_id in image_ids]
    stamps = [_stamp(path) for path in paths]
    known = [before.get(image_id, _UNSEEN) for image_id in image_ids]
    again = [
        row
        for row, (stamp, fact) in enumerate(zip(stamps, known, strict=True))
        if level == "full" or not fact.content or stamp != (fact.bytes, fact.time)
    ]
    look: Callable[[str], Look] = full_look if level == "full" else quick_look
    looks = (
        look_all([paths[row] for row in again], look=look, tracker=tracker, description=description) if again else []
    )
    facts = list(known)
    for row, seen in zip(again, looks, strict=True):
        facts[row] = _settled(seen, known[row], time=stamps[row][1], read_whole=partial(full_look, paths[row]))
    return facts


def facts_of(table: pd.DataFrame) -> dict[str, Facts]:
    """What a table with FACT_COLUMNS knows, by image id."""
    return dict(zip(table["image_id"], map(Facts, *(table[column].tolist() for column in FACT_COLUMNS)), strict=True))


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - half a million times
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _settled(look: Look, before: Facts, *, time: int, read_whole: Callable[[], Look]) -> Facts:
    """The look as facts, with the token of the content that was known before as long as nothing says that it changed.

    The token of a first look is made of size, head and tail. A file that has another time but the same token is
    compared by all its bytes: a copy of a data set is not another one, where its bytes have been read before.
    """
    whole, content = look.whole, look.content
    if before.content and not look.problem:
        unchanged = (look.bytes, time) == (before.bytes, before.time)
        if whole and before.whole:
            content = before.content if whole == before.whole else _other(before.content, look.content, whole)
        elif unchanged:
            content = before.content
        elif look.bytes > COVERED_BYTES and look.content == before.content:
            whole = whole or read_whole().whole
            content = before.content if whole == before.whole else whole
    kept = whole or (before.whole if content == before.content else "")
    return Facts(look.width, look.height, look.bytes, time, content, kept, look.problem, look.detail)


def _other(old: str, new: str, whole: str) -> str:
    """A token that differs from the old one: head and tail may be equal where the middle is not."""
    return new if new != old else whole
