"""What a model in training retrieves, as one small picture: a query a row, its best matches beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from gsv_pipeline.geo import distance_m
from gsv_pipeline.reports.retrievals import answerable, first_correct_ranks
from gsv_pipeline.reports.thumbnails import read_small

ROWS: Final = 6
MATCHES: Final = 5
TILE: Final = (160, 120)  # pixels; street photographs are mostly 4:3
KEPT_TILES: Final = 128  # 6 MB
PAPER, INK, MUTED, FRAME, HIT, MISS = "#ffffff", "#1b2430", "#5d6875", "#a9b2bd", "#178a4a", "#d03a3f"
"""As in `figures.py`, which imports matplotlib."""
_QUALITY: Final = 80
_MARGIN: Final = 20
_GAP: Final = 10
_HEAD: Final = 56
_BORDER: Final = 4
_ROW: Final = TILE[1] + 20 + _GAP  # with a line of caption
_APART: Final = 16  # more between the query and its matches than between these
_BADGE: Final = 20
_SHARPER: Final = 4  # drawn so much larger and reduced: Pillow's lines have no soft edges
_TICK: Final = (((0.27, 0.53), (0.44, 0.69), (0.74, 0.34)),)
_CROSS: Final = (((0.32, 0.32), (0.68, 0.68)), ((0.68, 0.32), (0.32, 0.68)))

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a validation found.

    Args:
        benchmark: Its name.
        predictions: [Q, K] database indices, best first.
        positives: Q arrays of the database indices counted as correct.
        queries: Q image files.
        database: N image files.
        query_latlon: [Q, 2] degrees; NaN where unknown.
        database_latlon: [N, 2] degrees.
    """

    benchmark: str
    predictions: Ints
    positives: Sequence[Ints]
    queries: Sequence[Path]
    database: Sequence[Path]
    query_latlon: npt.NDArray[np.float64]
    database_latlon: npt.NDArray[np.float64]


def pick_queries(predictions: Ints, positives: Sequence[Ints], count: int = ROWS) -> list[int]:
    """Which queries to show: the upper half the same at every validation, below them those that miss most.

    Args:
        predictions: [Q, K] database indices, best first.
        positives: Q arrays of correct database indices; a query without any is never shown.
        count: How many, at most.

    Returns:
        Query indices: the spread ones in order, then the misses, the worst first.
    """
    possible = np.flatnonzero(answerable(positives))
    fixed = _spread(possible, (count + 1) // 2)
    ranks = first_correct_ranks(predictions, positives)
    # 0 means "not found at all", which is behind every rank.
    behind = np.where(ranks == 0, predictions.shape[1] + 1, ranks)
    rest = [query for query in possible.tolist() if query not in fixed and behind[query] > 1]
    worst = max((int(behind[query]) for query in rest), default=0)
    hopeless = _spread(np.array([query for query in rest if behind[query] == worst]), count - len(fixed))
    others = sorted((query for query in rest if query not in hopeless), key=lambda query: (-behind[query], query))
    chosen = [*fixed, *[*hopeless, *others][: count - len(fixed)]]
    spare = [query for query in _spread(possible, count) if query not in chosen]  # few misses: more of the others
    return [*chosen, *spare[: count - len(chosen)]]


class GalleryPainter:
    """Draws the galleries of a training; half of the rows are the same each time, so their pictures are kept."""

    def __init__(self) -> None:
        self._tiles: dict[Path, Image.Image] = {}

    def write(self, target: Path, retrieved: Retrieved, *, step: int, recall: float) -> None:
        """Draw the gallery of one validation as a JPEG.

        Args:
            target: The file.
            retrieved: What was found.
            step: Optimizer steps done.
            recall: R@1 as a fraction.

        Raises:
            DataError: An image cannot be read.
        """
        queries = pick_queries(retrieved.predictions, retrieved.positives)
        sheet = Image.new("RGB", _size(len(queries)), PAPER)
        _draw_head(sheet, f"{retrieved.benchmark}  ·  step {step:,}  ·  R@1 {100 * recall:.1f} %")
        for row, query in enumerate(queries):
            self._draw_row(sheet, retrieved, query, top=_MARGIN + _HEAD + row * _ROW)
        sheet.save(target, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)

    def _draw_row(self, sheet: Image.Image, retrieved: Retrieved, query: int, *, top: int) -> None:
        predictions, correct = retrieved.predictions[query], retrieved.positives[query]
        hits = np.isin(predictions, correct)
        said = f"first correct: {int(hits.argmax()) + 1}" if hits.any() else f"none correct in {len(hits)}"
        self._draw_tile(sheet, retrieved.queries[query], (_MARGIN, top), colour=FRAME, caption=f"query, {said}")
        metres = distance_m(retrieved.database_latlon[predictions], retrieved.query_latlon[query])  # [K]
        for position, found in enumerate(predictions[:MATCHES].tolist()):
            corner = (_MARGIN + _APART + (position + 1) * (TILE[0] + _GAP), top)
            colour = HIT if hits[position] else MISS
            caption = f"{position + 1}   {_distance(float(metres[position]))}"
            self._draw_tile(sheet, retrieved.database[found], corner, colour=colour, caption=caption)
            badge = _badge(colour, is_tick=bool(hits[position]))
            sheet.paste(badge, (corner[0] + TILE[0] - _BADGE - 8, corner[1] + 8), badge)

    def _draw_tile(self, sheet: Image.Image, path: Path, corner: tuple[int, int], *, colour: str, caption: str) -> None:
        left, top = corner
        draw = ImageDraw.Draw(sheet)
        draw.rounded_rectangle((left, top, left + TILE[0] - 1, top + TILE[1] - 1), radius=_BORDER, fill=colour)
        sheet.paste(self._tile(path), (left + _BORDER, top + _BORDER))
        draw.text((left, top + TILE[1] + 4), caption, fill=MUTED, font=ImageFont.load_default(12))

    def _tile(self, path: Path) -> Image.Image:
        if path not in self._tiles:
            if len(self._tiles) == KEPT_TILES:
                del self._tiles[next(iter(self._tiles))]
            size = (TILE[0] - 2 * _BORDER, TILE[1] - 2 * _BORDER)
            self._tiles[path] = ImageOps.fit(read_small(path, side=2 * TILE[0]), size)
        return self._tiles[path]


def _size(rows: int) -> tuple[int, int]:
    width = 2 * _MARGIN + _APART + (MATCHES + 1) * TILE[0] + MATCHES * _GAP
    return width, 2 * _MARGIN + _HEAD + rows * _ROW - _GAP


def _draw_head(sheet: Image.Image, title: str) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 4), title, fill=INK, font=ImageFont.load_default(22))
    explained = (
        "A query, then what the model finds for it, best first; green with a tick: the same place. "
        "The upper rows are the same every time, the lower ones are those that miss most."
    )
    draw.text((_MARGIN, _MARGIN + 26), explained, fill=MUTED, font=ImageFont.load_default(13))


def _badge(colour: str, *, is_tick: bool) -> Image.Image:
    """A tick or a cross in a disc, for eyes and printers that see no colours: [_BADGE, _BADGE] RGBA."""
    side = _BADGE * _SHARPER
    badge = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(badge)
    draw.ellipse((0, 0, side - 1, side - 1), fill=colour)
    for line in _TICK if is_tick else _CROSS:
        draw.line([(x * side, y * side) for x, y in line], fill=PAPER, width=side // 8, joint="curve")
    return badge.resize((_BADGE, _BADGE), Image.Resampling.LANCZOS)


def _distance(metres: float) -> str:
    if not np.isfinite(metres):
        return ""
    return f"{metres:.0f} m" if metres < 1_000 else f"{metres / 1_000:.1f} km"


def _spread(items: Ints, count: int) -> list[int]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).astype(np.int64))
    return [int(items[row]) for row in rows]
