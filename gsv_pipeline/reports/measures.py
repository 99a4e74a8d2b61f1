"""What a report says beside recall: distance, confidence, parts of the queries, published numbers, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.artifact_files import RECALL_METRICS_FILE
from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.evaluation.breakdown import Group, recall_by_group
from gsv_pipeline.evaluation.localisation import Localisation, localise, turns
from gsv_pipeline.evaluation.precision import PrecisionCurve, precision_curve
from gsv_pipeline.evaluation.recall import first_hits
from gsv_pipeline.geo import distance_m
from gsv_pipeline.manifest import read_json, write_json
from gsv_pipeline.reports.published_results import PublishedRow

MAX_GROUPS: Final = 40
"""More parts than this are no breakdown that a person reads."""

GROUP_KS: Final = (1, 5)

Ints = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything beside recall.

    Args:
        precision: None where no query can be answered.
        localisation: None where positions are not known.
        groups: Title -> parts, each title with two parts at least.
        published: Published recalls, the highest first.
        no_verdict: Why ours cannot be set against those; empty where it can.
        costs: What -> value, in reading order.
        radius_m: Within which the benchmark counts an image as correct; None where it counts otherwise.
    """

    precision: PrecisionCurve | None = None
    localisation: Localisation | None = None
    groups: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    published: Sequence[PublishedRow] = ()
    no_verdict: str = ""
    costs: Mapping[str, str] = field(default_factory=dict)
    radius_m: float | None = None


def measure(
    data: BenchmarkData,
    predictions: Ints,
    similarities: npt.NDArray[np.float32],
    *,
    published: Sequence[PublishedRow] = (),
    no_verdict: str = "",
    costs: Mapping[str, str] | None = None,
    radius_m: float | None = None,
) -> Measures:
    """Compute everything from what was retrieved.

    Args:
        data: Both sides and the positives.
        predictions: [Q, K] database rows, best first.
        similarities: [Q, K] of them.
        published: To be shown beside ours.
        no_verdict: Why ours cannot be set against those.
        costs: What describing and searching cost.
        radius_m: Within which the benchmark counts an image as correct, if it does.
    """
    ranks = first_hits(predictions, data.positives)
    answerable = np.array([len(rows) > 0 for rows in data.positives])
    precision = precision_curve(similarities[:, 0], ranks == 0, answerable) if answerable.any() else None
    return Measures(
        precision=precision,
        localisation=_localisation(data, predictions[:, 0]),
        groups=_groups(data, ranks),
        published=published,
        no_verdict=no_verdict,
        costs=costs or {},
        radius_m=radius_m,
    )


def metrics_of(measures: Measures) -> dict[str, float]:
    """Numbers beside recall for `dvc metrics`: fractions and metres; what is not known is left out.

    Args:
        measures: What `measure` found.
    """
    found: dict[str, float] = {}
    precision, localisation = measures.precision, measures.localisation
    if precision:
        found["average precision"] = precision.average_precision
        found["recall at 100 % precision"] = precision.sure[1] if precision.sure else 0.0
    if localisation:
        found["median error, m"] = localisation.median_m
    return {name: round(value, 4) for name, value in found.items()}


def write_metrics(folder: Path, measures: Measures) -> None:
    """Put what `metrics_of` says beside the recalls that `metrics.json` holds already."""
    path = folder / RECALL_METRICS_FILE
    write_json(path, {**read_json(path), **metrics_of(measures)})


def distances_to(data: BenchmarkData, predictions: Ints) -> Float:
    """[Q, K] metres from each query to what was found: on the UTM plane where both sides are, else on the sphere."""
    on_plane = all({"east", "north"} <= set(table.columns) for table in (data.queries, data.database))
    names = ("east", "north") if on_plane else ("lat", "lon")
    queries, found = _columns(data.queries, *names)[:, None], _columns(data.database, *names)[predictions]
    metres = np.hypot(*np.moveaxis(queries - found, -1, 0)) if on_plane else distance_m(queries, found)
    return np.where(predictions >= 0, metres, np.nan)


def _localisation(data: BenchmarkData, first: Ints) -> Localisation | None:
    metres = distances_to(data, first[:, None])[:, 0]
    if not np.isfinite(metres).any():
        return None
    headings = [table["bearing"].to_numpy(np.float64) for table in (data.queries, data.database)]
    return localise(metres, turns(headings[0], headings[1][first]))


def _groups(data: BenchmarkData, ranks: Ints) -> dict[str, list[Group]]:
    places = data.queries["place_id"].astype(str).tolist()
    parts = {
        _by_first_part(data.queries): [name.split("/")[0] if "/" in name else "" for name in places],
        "By condition": data.queries["condition"].astype(str).tolist() if "condition" in data.queries else [],
        "By year of the query": _years(data.queries["year"]),
        "By time between query and database": _gaps(data),
    }
    ks = [k for k in GROUP_KS if k <= len(data.database)]  # there is no recall at more than all there is
    found = {title: recall_by_group(ranks, names, places, ks=ks) for title, names in parts.items() if names}
    return {title: groups for title, groups in found.items() if 2 <= len(groups) <= MAX_GROUPS}


def _by_first_part(queries: pd.DataFrame) -> str:
    """What the first part of a place is: a city, or a folder where the place is but the path of its image."""
    named = ((str(place), str(image)) for place, image in zip(queries["place_id"], queries["image_id"], strict=True))
    is_path = any("/" in place and f"/{place}" in f"/{image}" for place, image in named)
    return "By folder" if is_path else "By city"


def _years(years: "pd.Series[int]") -> list[str]:
    return [str(year) if year > 0 else "" for year in years.tolist()]


def _gaps(data: BenchmarkData) -> list[str]:
    """Years from a query to the nearest in time of its correct images; empty where a date is not known."""
    database, queries = data.database["year"].to_numpy(), data.queries["year"].to_numpy()
    names = []
    for year, rows in zip(queries.tolist(), data.positives, strict=True):
        known = database[rows][(database[rows] > 0) & (year > 0)]
        gap = int(np.abs(known - year).min()) if len(known) else None
        names.append("" if gap is None else f"{gap} year{'' if gap == 1 else 's'}")
    return names


def _columns(table: pd.DataFrame, first: str, second: str) -> Float:
    return table[[first, second]].to_numpy(np.float64)
