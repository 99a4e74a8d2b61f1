"""The page of a catalog's validation: the verdict, every rule with what broke it, cities, and the quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from gsv_pipeline.catalog.report import LEVELS, RULES, Finding, Validation, ValidationReport
from gsv_pipeline.catalog.schema import QUARANTINE_FILE
from gsv_pipeline.reports import places_data, rendering

QUARANTINE_ROWS: Final = 50
_SMALLEST_SHARE: Final = 1e-5  # 0.001 %; less is said to be less
_FIELDS: Final = ("city", "place_id", "image_id", "panoid", "origin", "reason", "detail")


@dataclass(frozen=True, slots=True)
class CityRow:
    """One city of a data set.

    Args:
        images: In the catalog.
        places: In the catalog.
        years: "2008–2021", empty where unknown.
        quarantined: Rows and images that are not in the catalog.
    """

    city: str
    images: int
    places: int
    years: str
    quarantined: int

    @property
    def quarantined_share(self) -> float:
        """Of the city's images."""
        return self.quarantined / max(self.images + self.quarantined, 1)


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One row of the quarantine as the page shows it; `meaning` is the broken rule in words."""

    reason: str
    meaning: str
    image: str
    origin: str
    detail: str


def city_rows(catalog: pd.DataFrame, quarantine: pd.DataFrame) -> list[CityRow]:
    """A row per city by name, those whose images are all in quarantine too.

    Args:
        catalog: Columns city, place_id, year are read.
        quarantine: Column city is read.
    """
    groups = dict(list(catalog.groupby("city", observed=True)[["place_id", "year"]]))
    lost = quarantine["city"].dropna().value_counts()
    return [_city_row(city, groups.get(city), int(lost.get(city, 0))) for city in sorted({*groups, *lost.index} - {""})]


def _city_row(city: str, rows: pd.DataFrame | None, quarantined: int) -> CityRow:
    if rows is None:
        return CityRow(city, 0, 0, "", quarantined)
    years = places_data.year_span(rows["year"].to_numpy())
    return CityRow(city, len(rows), int(rows["place_id"].nunique()), years, quarantined)


def write_validation_page(
    target: Path,
    report: ValidationReport,
    *,
    dataset: str,
    facts: Mapping[str, object],
    cities: Sequence[CityRow],
    quarantine: pd.DataFrame,
) -> None:
    """Write what validation found as a single HTML file without external requests.

    Args:
        target: The HTML file; its folder must exist.
        report: The verdict.
        dataset: Its name, for the title.
        facts: Source, licence, time and the like, shown as they are.
        cities: From `city_rows`.
        quarantine: Columns of `catalog.schema.QUARANTINE_COLUMNS`; the first rows of every reason are shown.
    """
    context: dict[str, Any] = {
        "dataset": dataset,
        "report": report,
        "num_images": report.looked_at.get("image", 0) - report.quarantined,
        "level": level_text(report.level),
        "broken": broken_rules(report),
        "passed": [finding for finding in report.findings if not finding.count],
        "units": {name: rule.unit for name, rule in RULES.items()},
        "plural": plural,
        "share": share_text,
        "facts": facts,
        "cities": cities,
        "quarantine": first_rows(quarantine, QUARANTINE_ROWS),
        "num_quarantine": len(quarantine),
        "quarantine_file": QUARANTINE_FILE,
    }
    rendering.write_page(target, "validation.html", **context)


def broken_rules(report: ValidationReport) -> list[Finding]:
    """Errors, then warnings, each from the most frequent down."""
    return sorted([*report.errors, *report.warnings], key=lambda finding: (finding.severity, -finding.count))


def first_rows(quarantine: pd.DataFrame, count: int) -> list[QuarantineRow]:
    """At most `count` rows in their order, taken in turn from every reason: a thousand of one do not hide another."""
    if quarantine.empty:
        return []
    turn = quarantine.groupby("reason", observed=True).cumcount().to_numpy()
    chosen = quarantine.iloc[sorted(turn.argsort(kind="stable")[:count])]
    values = chosen[list(_FIELDS)].astype("object").fillna("").astype(str)
    return [_quarantine_row(dict(zip(_FIELDS, row, strict=True))) for row in values.itertuples(index=False, name=None)]


def _quarantine_row(row: Mapping[str, str]) -> QuarantineRow:
    image = row["image_id"] or " ".join(filter(None, (row["place_id"] or row["city"], row["panoid"])))
    rule = RULES.get(row["reason"])
    return QuarantineRow(row["reason"], rule.meaning if rule else row["reason"], image, row["origin"], row["detail"])


def share_text(fraction: float) -> str:
    """A share as percent: 0.0002 -> `0.02 %`. What is not nothing is never rounded to 0, nor what is not all to 100."""
    rest = min(fraction, 1 - fraction)
    if fraction <= 0 or rest <= 0:
        return f"{100 * fraction:.0f} %"
    if rest < _SMALLEST_SHARE:
        return f"<{100 * _SMALLEST_SHARE:g} %" if rest == fraction else f">{100 * (1 - _SMALLEST_SHARE):g} %"
    digits = 1 if rest >= 0.01 else 2 if rest >= 0.001 else 3
    return f"{100 * fraction:.{digits}f}".rstrip("0").rstrip(".") + " %"


def level_text(level: str) -> str:
    """What a level of validation looks at, in words."""
    return LEVELS.get(cast(Validation, level), level)


def plural(finding: Finding) -> str:
    """What a finding counts: `image`, `places`."""
    rule = RULES.get(finding.rule)
    unit = rule.unit if rule else "image"
    if finding.count == 1 or unit == "data set":
        return unit
    return "cities" if unit == "city" else f"{unit}s"
