"""Rules over rows before they enter a catalog, and over the finished catalog. Whole columns at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.catalog.odd_images import odd_sizes, same_images
from gsv_pipeline.catalog.report import MAX_EXAMPLES, Findings
from gsv_pipeline.catalog.separation import close_pairs
from gsv_pipeline.geo import positions, unit_vectors

MIN_IMAGES_PER_PLACE: Final = 4  # published: 4 to 20 images a place
MAX_IMAGES_PER_PLACE: Final = 20
FAR_FROM_PUBLISHED: Final = 0.05  # of numbers that are themselves published as "about"

Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Published:
    """What a publisher says of a data set.

    Args:
        cities: Their codes; empty where nobody has listed them.
        num_images: Or 0.
        num_places: Or 0.
    """

    cities: tuple[str, ...] = ()
    num_images: int = 0
    num_places: int = 0


@dataclass(frozen=True, slots=True)
class _Places:
    """Which place each image shows.

    Args:
        codes: [N] row of `names`.
        names: [P] place ids.
    """

    codes: npt.NDArray[np.int64]
    names: Words

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """[P] images of each place."""
        return np.bincount(self.codes, minlength=len(self.names))


def row_problems(table: pd.DataFrame, *, coordinates_expected: bool, dates_expected: bool) -> tuple[Words, Words]:
    """The first error rule that each row breaks, and what was found; both empty for sound rows.

    Args:
        table: N rows with city, place, year, month, lat, lon, panoid and problem; rows with a problem keep it, and
            their `detail` if there is one.
        coordinates_expected: Whether a row without coordinates is an error.
        dates_expected: Whether year 0 or month 0, which say that they are unknown, are errors.

    Returns:
        [N] rule or "", [N] words.
    """
    marks = _Marks(table)
    lat, lon = (table[name].to_numpy(np.float64) for name in ("lat", "lon"))
    if coordinates_expected:
        marks.add("coordinates_missing", np.isnan(lat) | np.isnan(lon), lambda row: f"lat {lat[row]}, lon {lon[row]}")
    outside = (np.abs(lat) > 90) | (np.abs(lon) > 180)
    marks.add("coordinates_out_of_range", outside, lambda row: f"lat {lat[row]}, lon {lon[row]}")
    year, month = (table[name].to_numpy(np.float64) for name in ("year", "month"))
    possible = [(year >= 1990) & (year <= 2100), (month >= 1) & (month <= 12)]
    if not dates_expected:
        possible = [flags | (value == 0) for flags, value in zip(possible, (year, month), strict=True)]
    marks.add("impossible_date", ~(possible[0] & possible[1]), lambda row: f"year {year[row]:g}, month {month[row]:g}")
    panoid = table["panoid"].to_numpy(dtype=object)
    marks.add("duplicate_panoid_in_place", _repeated(table, marks.free), lambda row: f"{panoid[row]} again")
    return marks.problem, marks.detail


def table_findings(table: pd.DataFrame, findings: Findings, *, root: Path, published: Published | None) -> None:
    """Note what is worth a warning in a finished catalog.

    Args:
        table: Columns of `schema.COLUMNS`.
        findings: Gets the warnings.
        root: Folder that image ids are relative to. Files that seem equal are read, to see whether they are.
        published: What to compare with.
    """
    codes, names = pd.factorize(table["place_id"])
    places = _Places(codes, names.to_numpy(dtype=object))
    _bearings(table, findings)
    findings.add("odd_size", odd_sizes(table))
    findings.add("same_image_twice", same_images(table, root=root))
    _panoids_in_two_places(table, places, findings)
    _sizes_of_places(places, findings)
    _separation(table, places, findings)
    if published is not None:
        _compare_with_published(table, places, findings, published)


class _Marks:
    """The first problem of each row."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.problem: Words = table["problem"].to_numpy(dtype=object, copy=True)
        known = table["detail"].to_numpy(dtype=object, copy=True) if "detail" in table else ""
        self.detail: Words = np.full(len(table), "", dtype=object)
        self.detail[:] = known

    @property
    def free(self) -> Flags:
        """Rows that break no rule yet."""
        return np.asarray(self.problem == "", dtype=bool)

    def add(self, rule: str, broken: Flags, words: Callable[[int], str]) -> None:
        """Mark rows that break `rule`; `words` says what was found in a row."""
        rows = np.flatnonzero(broken & self.free)
        self.problem[rows] = rule
        self.detail[rows] = [words(row) for row in rows.tolist()]


def _repeated(table: pd.DataFrame, free: Flags) -> Flags:
    """Rows whose place has the same panoid in an earlier row without a problem."""
    candidates = np.flatnonzero(free & (table["panoid"] != "").to_numpy(dtype=bool))
    panoids = table["panoid"].iloc[candidates]
    candidates = candidates[panoids.duplicated(keep=False).to_numpy()]  # few: only these are compared by place too
    again = table.iloc[candidates][["city", "place", "panoid"]].duplicated().to_numpy()
    flags = np.zeros(len(table), dtype=bool)
    flags[candidates[again]] = True
    return flags


def _bearings(table: pd.DataFrame, findings: Findings) -> None:
    degrees = table["northdeg"].to_numpy()
    known = ~np.isnan(table["bearing"].to_numpy())
    rows = np.flatnonzero(known & ((degrees < 0) | (degrees >= 360)))
    shown = table["image_id"].iloc[rows[:MAX_EXAMPLES]]
    examples = [f"{image_id} ({degrees[row]}°)" for image_id, row in zip(shown, rows, strict=False)]
    findings.add("bearing_out_of_range", examples, count=len(rows))


def _panoids_in_two_places(table: pd.DataFrame, places: _Places, findings: Findings) -> None:
    panoids = table["panoid"]
    rows = np.flatnonzero(panoids.duplicated(keep=False).to_numpy() & (panoids != "").to_numpy(dtype=bool))
    seen = pd.DataFrame({"panoid": panoids.iloc[rows].to_numpy(dtype=object), "place": places.codes[rows]})
    seen = seen.drop_duplicates().sort_values(["panoid", "place"])
    shared = seen[seen.duplicated("panoid", keep=False)]
    examples = [
        f"{panoid} in {' and '.join(places.names[group['place'].iloc[:2]])}"
        for panoid, group in shared[shared["panoid"].isin(shared["panoid"].unique()[:MAX_EXAMPLES])].groupby("panoid")
    ]
    findings.add("duplicate_panoid_across_places", examples, count=len(shared) - shared["panoid"].nunique())


def _sizes_of_places(places: _Places, findings: Findings) -> None:
    sizes = places.sizes
    for rule, broken in (
        ("place_of_few_images", sizes < MIN_IMAGES_PER_PLACE),
        ("place_of_many_images", sizes > MAX_IMAGES_PER_PLACE),
    ):
        rows = np.flatnonzero(broken)
        findings.add(rule, [f"{places.names[row]} ({sizes[row]})" for row in rows[:MAX_EXAMPLES]], count=len(rows))


def _separation(table: pd.DataFrame, places: _Places, findings: Findings) -> None:
    pairs = close_pairs(_centres(table, places), limit=MAX_EXAMPLES)
    examples = [
        f"{places.names[first]} and {places.names[second]} ({metres:.0f} m)"
        for first, second, metres in zip(pairs.first, pairs.second, pairs.distance, strict=True)
    ]
    if not pairs.complete:
        examples.insert(0, f"more than {pairs.count} pairs: thousands of places lie at one spot")
    findings.add("places_close_together", examples, count=pairs.count)


def _centres(table: pd.DataFrame, places: _Places) -> Float:
    """[P, 2] the middle of each place's images; not a number where none has coordinates."""
    vectors = unit_vectors(table[["lat", "lon"]].to_numpy(np.float64))
    known = np.isfinite(vectors).all(axis=1)
    codes, count = places.codes[known], len(places.names)
    axes = [np.bincount(codes, weights=axis[known], minlength=count) for axis in vectors.T]
    sums: Float = np.stack(axes, axis=1).astype(np.float64)  # bincount of nothing at all is of whole numbers
    sums[np.bincount(codes, minlength=count) == 0] = np.nan
    return positions(sums)


def _compare_with_published(table: pd.DataFrame, places: _Places, findings: Findings, published: Published) -> None:
    cities = set(table["city"].unique())
    if published.cities:
        findings.add("unlisted_city", sorted(cities - set(published.cities)))
        findings.add("missing_city", sorted(set(published.cities) - cities))
    counts = {"images": (len(table), published.num_images), "places": (len(places.names), published.num_places)}
    far = [
        f"{found} {name}, published: {stated}"
        for name, (found, stated) in counts.items()
        if abs(found - stated) > FAR_FROM_PUBLISHED * stated > 0
    ]
    findings.add("counts_far_from_published", far, count=min(len(far), 1))
