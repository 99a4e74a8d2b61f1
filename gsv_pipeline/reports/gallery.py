"""Retrievals in pictures: a query beside its top 5, for recall reports and for `gsv-pipeline match`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.reports import rendering, retrievals
from gsv_pipeline.reports.data import ReportData
from gsv_pipeline.reports.looks import overlay
from gsv_pipeline.reports.thumbnails import THUMBNAIL_SIDE, Thumbnail, Thumbnails, read_small

SHOWN_MATCHES: Final = 5
_MARKS: Final = {"correct": "✓", "wrong": "✗"}  # beside the colours, for eyes and printers that see none
MAX_MATCH_STRIPS: Final = 100  # about 8 MB of page


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a strip.

    Args:
        kind: `query`, `answer` (what should have come first), `correct`, `wrong` or `neutral`; it is the CSS class.
        heading: In bold: "✓ 12 m".
        side: Opposite the heading: the similarity "0.83", or the rank of an answer.
        note: The muted line: a date.
    """

    thumbnail: Thumbnail
    kind: str
    alt: str
    name: str
    heading: str = ""
    side: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """A query and what was found for it, in rank order; for a miss also the answer; where known, where it looks."""

    query: Tile
    matches: Sequence[Tile]
    remark: str = ""
    answer: Tile | None = None
    look: Tile | None = None


def report_strips(data: ReportData, queries: Sequence[int], thumbnails: Thumbnails) -> list[Strip]:
    """Strips of a recall report.

    Args:
        data: The report.
        queries: Query indices in the order wanted.
        thumbnails: Reads the images.

    Raises:
        DataError: An image cannot be read.
    """
    ranks = retrievals.first_correct_ranks(data.predictions, data.positives)
    return [_report_strip(data, query, int(ranks[query]), thumbnails) for query in queries]


def _report_strip(data: ReportData, query: int, rank: int, thumbnails: Thumbnails) -> Strip:
    name = data.queries.names[query]
    shown = Tile(
        thumbnails(data.queries.paths[query]), "query", f"Query {name}", name, "Query", note=data.queries.dates[query]
    )
    positions = range(min(SHOWN_MATCHES, data.predictions.shape[1]))
    matches = [_match_tile(data, query, position, thumbnails) for position in positions]
    answer = None if rank == 1 else _answer(data, query, rank, thumbnails)
    return Strip(shown, matches, _remark(data, query, rank), answer, _look(data, query))


def _look(data: ReportData, query: int) -> Tile | None:
    if query not in data.looks:
        return None
    path, name = data.queries.paths[query], data.queries.names[query]
    shown = overlay(read_small(path, side=THUMBNAIL_SIDE), data.looks[query])
    return Tile(shown, "look", f"Where the model looks in {name}", name, "Where it looks")


def _match_tile(data: ReportData, query: int, position: int, thumbnails: Thumbnails) -> Tile:
    found = int(data.predictions[query, position])
    kind = "correct" if found in data.positives[query] else "wrong"
    name = data.database.names[found]
    return Tile(
        thumbnails(data.database.paths[found]),
        kind,
        f"Match {position + 1}, {kind}: {name}",
        name,
        heading=f"{_MARKS[kind]} {distance_text(float(data.distances_m[query, position])) or kind}",
        side=f"{data.scores[query, position]:.2f}",
        note=data.database.dates[found],
    )


def _remark(data: ReportData, query: int, rank: int) -> str:
    if rank == 1:
        months = retrievals.months_between(
            data.queries.dates[query], data.database.dates[int(data.predictions[query, 0])]
        )
        return "" if months is None else f"{_duration(months)} between query and match"
    depth = data.predictions.shape[1]
    return f"first correct image at rank {rank}" if rank else f"no correct image among the first {depth}"


def _answer(data: ReportData, query: int, rank: int, thumbnails: Thumbnails) -> Tile | None:
    """The correct image that a miss should have found first; None where the database holds none."""
    correct = retrievals.correct_example(data, query)
    if correct is None:
        return None
    name = data.database.names[correct]
    place = f"rank {rank}" if rank else f"not in {data.predictions.shape[1]}"
    return Tile(
        thumbnails(data.database.paths[correct]), "answer", f"A correct image: {name}", name, "Correct", place,
        data.database.dates[correct],
    )  # fmt: skip


def distance_text(metres: float) -> str:
    """`12 m`, `3.4 km`, or empty where the distance is unknown."""
    if not np.isfinite(metres):
        return ""
    return f"{metres:.0f} m" if metres < 1_000 else f"{metres / 1_000:.1f} km"


def _duration(months: int) -> str:
    years, rest = divmod(months, 12)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in ((years, "year"), (rest, "month")) if count
    ]
    return " and ".join(parts) or "less than a month"


def frame_shape(strips: Sequence[Strip]) -> str:
    """Width / height of the frames as a CSS number: the median of the pictures shown, so that most fill theirs."""
    shapes = [
        tile.thumbnail.width / tile.thumbnail.height for strip in strips for tile in (strip.query, *strip.matches)
    ]
    return f"{min(max(float(np.median(shapes)), 0.6), 2.0):.3f}" if shapes else "1.333"


def write_match_page(
    target: Path,
    *,
    title: str,
    queries: Sequence[Path],
    database: Sequence[Path],
    predictions: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    positives: Sequence[npt.NDArray[np.int64]] | None,
    query_names: Sequence[str],
    database_names: Sequence[str],
) -> None:
    """One self-contained page with the best matches of each query; at most the first 100 queries are drawn.

    Args:
        target: The HTML file.
        title: What was matched, by which model.
        queries: Q image files.
        database: N image files.
        predictions: [Q, K] database indices, best first.
        scores: [Q, K] cosine similarities.
        positives: Q arrays of correct database indices; None where nobody knows, then all borders are neutral.
        query_names: Q names for captions.
        database_names: N names for captions.

    Raises:
        DataError: An image cannot be read.
    """
    thumbnails = Thumbnails()

    def tiles(query: int) -> Iterator[Tile]:
        for position, found in enumerate(predictions[query, :SHOWN_MATCHES].tolist()):
            kind = "neutral" if positives is None else "correct" if found in positives[query] else "wrong"
            name, said = database_names[found], "" if kind == "neutral" else f", {kind}"
            yield Tile(
                thumbnails(database[found]), kind, f"Match {position + 1}{said}: {name}", name,
                side=f"{scores[query, position]:.2f}",
            )  # fmt: skip

    strips = [
        Strip(Tile(thumbnails(path), "query", f"Query {name}", name, "Query"), list(tiles(query)))
        for query, (path, name) in enumerate(zip(queries[:MAX_MATCH_STRIPS], query_names, strict=False))
    ]
    ranks = None if positives is None else retrievals.first_correct_ranks(predictions, positives)
    rendering.write_page(
        target, "matches.html", title=title, strips=strips, shape=frame_shape(strips), num_queries=len(queries),
        num_database=len(database), num_correct=None if ranks is None else int((ranks == 1).sum()),
    )  # fmt: skip
