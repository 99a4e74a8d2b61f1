"""What is known of an image file from look to look, and when a file that was looked at again is another image.

An image is known by a token: of its size, head and tail at first sight, of all its bytes once it has changed. The first
token stays with the bytes that had it first; other bytes with the same size, head and tail get a token of their own.
Which bytes had it first is known where they were read whole: in small cities, and wherever a full look was taken.
Without that, a new time alone makes another image, since nothing proves that the bytes are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from gsv_pipeline.catalog.headers import COVERED_BYTES, Look

_FOUND_BY_DECODING: Final = "undecodable_image"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one file.

    Args:
        width, height: Pixels; 0 with a problem, or where nothing was looked at.
        bytes, time: Size and modification time in ns when it was looked at.
        problem, detail: The rule that it broke then, and what was found.
        seen: Hash of all bytes that it had then; empty where they were not read.
        content: Token of the image, that of the last time when it was sound; empty where it never was.
        token, whole: Of the bytes that have `content`: their size, head and tail; all of them (empty where not read).
        first, first_whole: The first token, and the hash of all bytes that have it (empty where they were not read).
        contested: Other bytes than those have been seen under the first token.
    """

    width: int = 0
    height: int = 0
    bytes: int = 0
    time: int = 0
    problem: str = ""
    detail: str = ""
    seen: str = ""
    content: str = ""
    token: str = ""
    whole: str = ""
    first: str = ""
    first_whole: str = ""
    contested: bool = False

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time: what a quick look compares."""
        return self.bytes, self.time


UNSEEN: Final = Facts()
FACT_COLUMNS: Final = tuple(f"image_{name}" for name in Facts.__dataclass_fields__)


def facts_of(table: pd.DataFrame) -> dict[str, Facts]:
    """What a table with FACT_COLUMNS knows, by image id; rows that were refused for themselves know nothing."""
    is_known = (table["image_time"] != 0) | (table["image_first"] != "")
    rows = table[(table["problem"] == "") & is_known]
    columns = [rows[column].tolist() for column in FACT_COLUMNS]
    return dict(zip(rows["image_id"].tolist(), map(Facts, *columns), strict=True))


def fact_columns(facts: Iterable[Facts]) -> dict[str, list[Any]]:
    """Facts as FACT_COLUMNS."""
    kept = list(facts)
    return {f"image_{name}": [getattr(fact, name) for fact in kept] for name in Facts.__dataclass_fields__}


def is_known_in_part(fact: Facts) -> bool:
    """Whether it is a sound image of which nobody has read all bytes."""
    return bool(fact.content) and not fact.problem and not fact.whole


def needs_all_bytes(look: Look, before: Facts, *, is_small: bool) -> bool:
    """Whether all bytes have to be read: of a known file that changed, to tell if it is the image that it was.

    Args:
        look: What was seen now.
        before: What was known.
        is_small: The city is, so reading its files costs little and tells later that a copy of them is the same.
    """
    is_known = bool(before.content or before.problem)
    return (is_known or is_small) and not look.problem and not look.whole and look.bytes > COVERED_BYTES


def settle(look: Look, before: Facts, *, time: int, all_bytes: str, decoded: bool) -> Facts:
    """The facts after a look.

    Args:
        look: What was seen now.
        before: What was known.
        time: Modification time of the file, ns.
        all_bytes: Hash of all bytes; empty where nobody needed it.
        decoded: Whether this look decoded the image.
    """
    seen = look.content if 0 < look.bytes <= COVERED_BYTES else all_bytes  # of a small file the token covers all bytes
    now = replace(before, bytes=look.bytes, time=time, seen=seen)
    if look.problem:
        return replace(now, width=0, height=0, problem=look.problem, detail=look.detail)
    if before.problem == _FOUND_BY_DECODING and not decoded and seen and seen == before.seen:
        return now  # the same bytes, which a closer look than this one has refused
    now = replace(now, width=look.width, height=look.height, problem="", detail="")
    if not before.content:
        first = look.content
        return replace(now, content=first, token=first, whole=seen, first=first, first_whole=seen)
    if _is_same(look, before, time=time, seen=seen):
        owner = seen if before.content == before.first else ""
        return replace(now, whole=seen or before.whole, first_whole=before.first_whole or owner)
    is_first = _is_first(look, before, seen=seen)
    return replace(
        now,
        content=before.first if is_first else seen,
        token=look.content,
        whole=seen,
        first_whole=before.first_whole or (seen if is_first else ""),
        contested=before.contested or (look.content == before.first and not is_first),
    )


def _is_same(look: Look, before: Facts, *, time: int, seen: str) -> bool:
    """By all bytes, where they are known of both; else by size, time, head and tail."""
    if before.whole and seen:
        return before.whole == seen
    return before.problem == "" and (look.bytes, time) == before.stamp and look.content == before.token


def _is_first(look: Look, before: Facts, *, seen: str) -> bool:
    """Whether a file that changed has gone back to what it was first."""
    if look.content != before.first:
        return False
    if before.first_whole:
        return seen == before.first_whole
    # Never read whole: believed after something else was in between, but not on a mere change of time.
    return not before.contested and (look.content != before.token or bool(before.problem))
