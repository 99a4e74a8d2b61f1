"""Recall of parts of the queries: by city, by condition, by whatever names each query. Arrays only."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gsv_pipeline.evaluation.intervals import recall_interval


@dataclass(frozen=True, slots=True)
class Group:
    """One part.

    Args:
        name: What its queries have in common.
        queries: How many they are.
        recall_at: K -> fraction.
        interval: 95 % interval of R@1.
    """

    name: str
    queries: int
    recall_at: Mapping[int, float]
    interval: tuple[float, float]


def recall_by_group(
    ranks: npt.NDArray[np.int64], groups: Sequence[str], places: Sequence[str], *, ks: Sequence[int] = (1, 5, 10)
) -> list[Group]:
    """Recall of every group, by name; numbers in names count as numbers, so that 9 years come before 10.

    Args:
        ranks: [Q] 0-based rank of each query's first correct prediction; at least the largest K where none is.
        groups: [Q] names; empty where a query belongs to none.
        places: [Q] the place of each query.
        ks: Which recalls.
    """
    names = np.asarray(groups)
    found = []
    for name in sorted({text for text in groups if text}, key=_natural):
        rows = np.flatnonzero(names == name)
        own = ranks[rows]
        found.append(
            Group(
                name,
                len(rows),
                {k: float((own < k).mean()) for k in ks},
                recall_interval(own < 1, [places[row] for row in rows.tolist()]),
            )
        )
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
