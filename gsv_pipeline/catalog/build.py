"""A data set on disk -> catalog, quarantine and validation report; city by city, unchanged ones from the last time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.catalog import schema
from gsv_pipeline.catalog.facts import FACT_COLUMNS, UNSEEN, Facts, fact_columns, facts_of
from gsv_pipeline.catalog.images import image_facts
from gsv_pipeline.catalog.report import RULES, Findings, ValidationReport
from gsv_pipeline.catalog.rows import ROW_COLUMNS, CityFiles, Reader, reader_of
from gsv_pipeline.catalog.tables import read_table
from gsv_pipeline.catalog.validate import Published, row_problems, table_findings
from gsv_pipeline.errors import DataError
from gsv_pipeline.geo import normalise_bearing
from gsv_pipeline.sources.location import Location
from gsv_pipeline.tracking import Tracker

SCAN: Final = "scan"
"""Folder beside the catalog: each city's rows and images as they were found, for the next build to go on from."""
_CITIES_FILE: Final = "cities.json"


@dataclass(frozen=True, slots=True)
class Built:
    """What `build_catalog` made.

    Args:
        table: The catalog, columns of `schema.COLUMNS`.
        quarantine: What is not in it, columns of `schema.QUARANTINE_COLUMNS`.
        report: What validation found.
        reused: Cities whose rows did not have to be read again.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    report: ValidationReport
    reused: int


def build_catalog(
    location: Location,
    *,
    target: Path,
    previous: Path | None = None,
    level: str = "quick",
    limit: float = 0.0,
    again: bool = False,
    published: Published | None = None,
    tracker: Tracker,
) -> Built:
    """Read every city, look at its images, sort sound rows from others.

    Args:
        location: Where the data set lies, and in which layout.
        target: Folder that gets `scan/`, for the next time.
        previous: Folder of the catalog of the last time, if there is one.
        level: How closely images are looked at, a key of `report.LEVELS`.
        limit: Largest share in quarantine with which the data set is sound.
        again: Read every row and look at every image again, although nothing seems to have changed.
        published: Cities and counts to compare with.
        tracker: Shows a bar over the images.

    Raises:
        DataError: Not a single usable image.
    """
    reader = reader_of(location.layout)
    list_cities, _ = reader.functions()
    cities = list_cities(location.root, **location.arguments)
    findings = Findings()
    scans = _Scans(previous / SCAN if previous else None, target / SCAN, again=again)
    parts = [
        _city_table(location, city, reader=reader, scans=scans, level=level, findings=findings, tracker=tracker)
        for city in cities
    ]
    scans.close()
    every = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["problem"])
    sound = every["problem"] == ""
    if not sound.any():
        raise DataError(_nothing(location, every))
    table, quarantine = _catalog(every[sound]), _quarantine(every[~sound])
    table_findings(table, findings, root=location.root, published=published)
    for rule, rows in quarantine.groupby("reason", sort=True):
        findings.add(str(rule), _examples(rows), count=len(rows))
    looked_at: Any = {"image": len(every), "place": table["place_id"].nunique(), "city": len(cities)}
    report = findings.report(looked_at, quarantined=len(quarantine), limit=limit, level=level)
    return Built(table, quarantine, report, scans.reused)


def names_version(location: Location) -> str:
    """What tells, without a look at any image, that a row changed or a file was added, removed or renamed."""
    list_cities, _ = reader_of(location.layout).functions()
    return json.dumps({city.name: city.signature for city in list_cities(location.root, **location.arguments)})


class _Scans:
    """Each city's rows and facts as they were found: those of the last time, and those for the next time."""

    def __init__(self, old: Path | None, new: Path, *, again: bool) -> None:
        self._old, self._new, self.again = old, new, again
        self._noted: dict[str, Any] = {}
        self._known = _read_notes(old)
        self.reused = 0
        new.mkdir()

    def last(self, city: CityFiles) -> tuple[pd.DataFrame | None, Mapping[str, Any]]:
        """Table and note of the last time; the note is empty when rows or files have changed since."""
        note = self._known.get(city.name)
        if note is None or self._old is None:
            return None, {}
        try:
            table = read_table(self._old / f"{city.name}.parquet", [*ROW_COLUMNS, *FACT_COLUMNS])
        except DataError:  # of another version, or damaged: the city is read again
            return None, {}
        is_same = note["signature"] == city.signature and not self.again
        self.reused += is_same
        return table, note if is_same else {}

    def keep(self, city: CityFiles, table: pd.DataFrame, noted: Mapping[str, Any]) -> None:
        """Write what the next build can start from."""
        table.to_parquet(self._new / f"{city.name}.parquet", index=False, compression="lz4")
        self._noted[city.name] = {"signature": city.signature, "findings": dict(noted)}

    def close(self) -> None:
        """Write the notes of all cities."""
        (self._new / _CITIES_FILE).write_text(json.dumps(self._noted, indent=1) + "\n", encoding="utf-8")


def _read_notes(folder: Path | None) -> dict[str, Any]:
    try:
        notes: dict[str, Any] = json.loads((folder / _CITIES_FILE).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):  # of another version, or damaged: everything is read again
        return {}
    return notes


def _city_table(
    location: Location,
    city: CityFiles,
    *,
    reader: Reader,
    scans: _Scans,
    level: str,
    findings: Findings,
    tracker: Tracker,
) -> pd.DataFrame:
    """Rows and facts of a city, with the first rule that each row breaks."""
    last, note = scans.last(city)
    if last is not None and note:
        rows, noted = last[list(ROW_COLUMNS)].copy(), note["findings"]
    else:
        _, read_city = reader.functions()
        found = Findings()
        rows, noted = read_city(location.root, city, found, **location.arguments), found.noted()
    for rule, (count, examples) in noted.items():
        findings.add(rule, examples, count=count)
    usable = np.flatnonzero((rows["problem"] == "").to_numpy(dtype=bool))
    facts = image_facts(
        str(location.root),
        rows["image_id"].iloc[usable].tolist(),
        before=facts_of(last) if last is not None else {},
        level=level,
        again=scans.again,
        tracker=tracker,
        description=f"Looking at {city.name}",
    )
    table = _with_facts(rows, usable, facts)
    scans.keep(city, table, noted)
    table["city"] = city.name
    return _with_problems(table, reader).sort_values(["place", "image_id"], ignore_index=True)


def _with_facts(rows: pd.DataFrame, usable: npt.NDArray[np.int64], facts: Sequence[Facts]) -> pd.DataFrame:
    """The rows with FACT_COLUMNS; nothing is known of the image of a row that was refused for itself."""
    if all(fact is UNSEEN for fact in facts):  # nothing was opened: constant columns cost nothing
        return rows.assign(**{column: values[0] for column, values in fact_columns([UNSEEN]).items()})
    every = [UNSEEN] * len(rows)
    for row, fact in zip(usable.tolist(), facts, strict=True):
        every[row] = fact
    return rows.assign(**fact_columns(every))


def _with_problems(table: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """The reader's problem of each row, else its image's, else that of its values."""
    own = table["problem"].to_numpy(dtype=object)
    table["problem"] = np.where(own != "", own, table["image_problem"].to_numpy(dtype=object))
    table["detail"] = np.where(
        own != "", table["detail"].to_numpy(dtype=object), table["image_detail"].to_numpy(dtype=object)
    )
    problem, detail = row_problems(
        table, coordinates_expected=reader.coordinates_expected, dates_expected=reader.dates_expected
    )
    return table.assign(problem=problem, detail=detail)


def _catalog(rows: pd.DataFrame) -> pd.DataFrame:
    bearing = normalise_bearing(rows["northdeg"].to_numpy(np.float64))
    looked_at = {name: rows[f"image_{name}"] for name in ("width", "height", "bytes", "content")}
    place_id = rows["city"] + "/" + rows["place"]
    table = rows.assign(**looked_at, place_id=place_id, bearing=bearing, northdeg=rows["northdeg"].fillna(-1))
    types = {column.name: column.dtype for column in schema.COLUMNS}
    return table[list(types)].astype(types).reset_index(drop=True)


def _quarantine(rows: pd.DataFrame) -> pd.DataFrame:
    place = rows["place"].fillna("")
    place_id = np.where(place == "", "", rows["city"] + "/" + place)
    table = rows.assign(place_id=place_id, reason=rows["problem"])
    names = [column.name for column in schema.QUARANTINE_COLUMNS]
    return (
        table[names].astype({column.name: column.dtype for column in schema.QUARANTINE_COLUMNS}).reset_index(drop=True)
    )


def _examples(rows: pd.DataFrame) -> list[str]:
    first = rows.head(8)
    return [
        f"{image_id or origin} ({detail})" if detail else image_id or origin
        for image_id, origin, detail in zip(first["image_id"], first["origin"], first["detail"], strict=True)
    ]


def _nothing(location: Location, every: pd.DataFrame) -> str:
    counts = every["problem"].value_counts()
    reasons = ", ".join(f"{count} × {RULES[str(rule)].meaning}" for rule, count in counts.items())
    return (
        f"Not a single usable image below {location.root}: {reasons or 'no city at all'}. "
        "Expected Images/<City>/ with photographs and Dataframes/<City>.csv. Fetch the data set again with --force."
    )


def write_built(built: Built, target: Path) -> None:
    """Write catalog and quarantine."""
    built.table.to_parquet(target / schema.CATALOG_FILE, index=False)
    built.quarantine.to_parquet(target / schema.QUARANTINE_FILE, index=False)
