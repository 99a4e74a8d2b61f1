"""Which database images count as correct: by distance on the globe, by frame, by pair, by label."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gsv_pipeline.benchmarks.rows import POSITIVE_RADIUS_M
from gsv_pipeline.errors import DataError
from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m

Float = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Positives = list[npt.NDArray[np.int64]]
Names = Mapping[str, Sequence[object]]
"""Of the images of `queries` and of `database`, in order: paths or texts, for messages."""


def positives_within(
    queries: Float, database: Float, radius_m: float = POSITIVE_RADIUS_M, *, names: Names | None = None
) -> Positives:
    """Database rows within `radius_m` of each query on the globe.

    Args:
        queries: [Q, 2] latitude and longitude in degrees; not a number where unknown, which is near nothing.
        database: [N, 2], likewise.
        radius_m: Inclusive.
        names: Of the images, for messages.

    Returns:
        Q sorted arrays of database rows.

    Raises:
        DataError: The coordinates cannot be degrees.
    """
    check_degrees(queries, side="queries", names=names)
    check_degrees(database, side="database", names=names)
    order = np.argsort(database[:, 0], kind="stable")
    latitudes = database[order, 0]
    reach = np.degrees(radius_m / EARTH_RADIUS_M) * (1 + 1e-9)
    starts = np.searchsorted(latitudes, queries[:, 0] - reach, side="left")
    ends = np.searchsorted(latitudes, queries[:, 0] + reach, side="right")
    found = []
    for query, start, end in zip(queries, starts, ends, strict=True):
        candidates = order[start:end]
        near = distance_m(query, database[candidates]) <= radius_m
        found.append(np.sort(candidates[near]).astype(np.int64))
    return found


def positives_in_window(query_frames: Ints, database_frames: Ints, window: int) -> Positives:
    """Database rows whose frame is at most `window` away.

    Args:
        query_frames: [Q] frame numbers.
        database_frames: [N], in any order.
        window: Inclusive.
    """
    order = np.argsort(database_frames, kind="stable")
    ranked = database_frames[order]
    starts = np.searchsorted(ranked, query_frames - window, side="left")
    ends = np.searchsorted(ranked, query_frames + window, side="right")
    return [np.sort(order[start:end]).astype(np.int64) for start, end in zip(starts, ends, strict=True)]


def exact_pairs(num_queries: int, num_database: int) -> Positives:
    """Query i belongs to database image i.

    Raises:
        DataError: The sides have different lengths.
    """
    if num_queries != num_database:
        raise DataError(
            f"Found {num_queries:,} queries and {num_database:,} database images, expected as many of each: the first "
            "query belongs to the first database image, and so on."
        )
    return list(np.arange(num_queries, dtype=np.int64)[:, None])


def positives_by_label(query_labels: Sequence[str], database_labels: Sequence[str]) -> Positives:
    """Database rows with the query's label, as in image retrieval: the label is the place."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(database_labels):
        rows.setdefault(label, []).append(row)
    return [np.array(rows.get(label, ()), dtype=np.int64) for label in query_labels]


def check_degrees(latlon: Float, *, side: str, names: Names | None = None) -> None:
    """Refuse what cannot be latitudes and longitudes.

    Args:
        latlon: [N, 2] of one side.
        side: `database` or `queries`; opens the message.
        names: Of the images of both sides.

    Raises:
        DataError: Names the first such image.
    """
    wrong = np.flatnonzero((np.abs(latlon[:, 0]) > 90.0) | (np.abs(latlon[:, 1]) > 360.0))
    if len(wrong):
        lat, lon = latlon[wrong[0]]
        raise DataError(
            f"{side}: {len(wrong):,} of {len(latlon):,} coordinates cannot be degrees, the first are {lat:g} and "
            f"{lon:g}{in_brackets(names, side, int(wrong[0]))}: they look like metres. Expected latitude and "
            "longitude; metres go into names, @UTM_east@UTM_north@...@."
        )


def in_brackets(names: Names | None, side: str, row: int) -> str:
    """` (then/1.jpg)`; nothing where names are not known."""
    return f" ({names[side][row]})" if names is not None else ""
