"""What validation found: rules with severity, count, share and first examples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from gsv_pipeline.errors import DataError
from gsv_pipeline.manifest import read_json

Severity = Literal["error", "warning"]
Unit = Literal["image", "place", "city", "data set"]
Validation = Literal["names", "quick", "full"]
"""How closely images are looked at: their names alone, their headers, or every pixel."""

LEVELS: Final[Mapping[Validation, str]] = {
    "names": "rows are matched with file names; no image is opened",
    "quick": "size, time, header and end of every image",
    "full": "every image is read and decoded whole",
}
MAX_EXAMPLES: Final = 5
REPORT_FILE: Final = "validation.json"
REPORT_PAGE: Final = "validation.html"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is checked.

    Args:
        severity: What breaks an error rule goes to the quarantine; a warning is counted and stays.
        meaning: The sentence a person reads.
        unit: What is counted.
    """

    severity: Severity
    meaning: str
    unit: Unit = "image"


RULES: Final[Mapping[str, Rule]] = {
    "missing_image": Rule("error", "a row has no image file"),
    "image_without_row": Rule("error", "an image file has no row in its city's CSV"),
    "empty_image": Rule("error", "an image file has 0 bytes"),
    "not_an_image": Rule("error", "a file is not an image"),
    "truncated_image": Rule("error", "an image file ends too early"),
    "undecodable_image": Rule("error", "an image cannot be decoded whole, or only with damage"),
    "wrong_type": Rule("error", "a value of a row is not of its column's type"),
    "coordinates_missing": Rule("error", "a row has no latitude or longitude"),
    "coordinates_out_of_range": Rule("error", "latitude outside ±90 or longitude outside ±180"),
    "impossible_date": Rule("error", "month outside 1 to 12 or year outside 1990 to 2100"),
    "duplicate_panoid_in_place": Rule("error", "a place holds the same panorama twice"),
    "image_named_twice": Rule("error", "two rows name the same image"),
    "leaves_root": Rule("error", "a name would lead out of the data set's folder"),
    "bearing_out_of_range": Rule("warning", "a heading outside [0, 360) was normalised"),
    "odd_size": Rule("warning", "an image is far smaller, larger or longer than the others"),
    "duplicate_panoid_across_places": Rule("warning", "the same panorama is in two places"),
    "same_image_twice": Rule("warning", "two files hold the same image"),
    "place_of_few_images": Rule("warning", "a place has fewer than 4 images", "place"),
    "place_of_many_images": Rule("warning", "a place has more than 20 images", "place"),
    "places_close_together": Rule("warning", "two places are less than 100 m apart", "place"),
    "image_not_named": Rule("warning", "a photograph that no row of its table names is not used"),
    "strange_name": Rule("warning", "a file is not named as published"),
    "csv_rebuilt": Rule(
        "warning", "a city's CSV is missing or damaged; its rows were rebuilt from image names", "city"
    ),
    "csv_encoding": Rule("warning", "a city's CSV is not UTF-8; it was read in another encoding", "city"),
    "unlisted_city": Rule("warning", "a city that the publisher does not list", "city"),
    "missing_city": Rule("warning", "a city that the publisher lists is not there", "city"),
    "counts_far_from_published": Rule("warning", "images or places differ from the published number", "data set"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a rule was broken, and by what first; `share` is of the images, places or cities looked at."""

    rule: str
    severity: Severity
    meaning: str
    count: int
    share: float
    examples: tuple[str, ...]


class Findings:
    """Collects broken rules while a catalog is built and validated."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(RULES, 0)
        self._examples: dict[str, list[str]] = {rule: [] for rule in RULES}

    def add(self, rule: str, examples: Sequence[str], *, count: int | None = None) -> None:
        """Note that `rule` is broken by each of `examples`, or by `count` things of which they are the first."""
        self._counts[rule] += len(examples) if count is None else count
        room = MAX_EXAMPLES - len(self._examples[rule])
        self._examples[rule].extend(examples[: max(room, 0)])

    def noted(self) -> dict[str, tuple[int, list[str]]]:
        """Count and first examples of every rule that was broken, so that they can be added again another time."""
        return {rule: (count, self._examples[rule]) for rule, count in self._counts.items() if count}

    def report(
        self, looked_at: Mapping[Unit, int], *, quarantined: int, limit: float, level: str
    ) -> "ValidationReport":
        """Everything noted, in the order of RULES.

        Args:
            looked_at: How many images (rows and files without a row), places, cities there are: what shares are of.
            quarantined: Images that are not in the catalog.
            limit: Largest share of them with which the data set is still sound.
            level: A key of LEVELS.
        """
        findings = tuple(
            Finding(
                name,
                rule.severity,
                rule.meaning,
                self._counts[name],
                min(self._counts[name] / max(looked_at.get(rule.unit, 1), 1), 1.0),  # pairs may outnumber places
                tuple(self._examples[name]),
            )
            for name, rule in RULES.items()
        )
        return ValidationReport(
            {str(unit): count for unit, count in looked_at.items()}, quarantined, limit, level, findings
        )


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The whole verdict on a data set; see `Findings.report`."""

    looked_at: Mapping[str, int]
    quarantined: int
    limit: float
    level: str
    findings: tuple[Finding, ...]

    @property
    def quarantined_share(self) -> float:
        """Share of the images looked at that is not in the catalog."""
        return self.quarantined / max(self.looked_at.get("image", 0), 1)

    @property
    def is_sound(self) -> bool:
        """Whether the share in quarantine is within the limit."""
        return self.quarantined_share <= self.limit

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Broken rules whose images are in quarantine."""
        return tuple(finding for finding in self.findings if finding.count and finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Broken rules worth knowing."""
        return tuple(finding for finding in self.findings if finding.count and finding.severity == "warning")

    def count(self, rule: str) -> int:
        """How often `rule` was broken."""
        return next(finding.count for finding in self.findings if finding.rule == rule)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `validation.json`."""
        return asdict(self) | {"quarantined_share": self.quarantined_share, "is_sound": self.is_sound}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The report that `to_json` wrote."""
        findings = tuple(Finding(**{**item, "examples": tuple(item["examples"])}) for item in values["findings"])
        return cls(values["looked_at"], values["quarantined"], values["limit"], values["level"], findings)

    def require_sound(self, *, dataset: str, remedy: str) -> None:
        """Refuse a data set with too much in quarantine.

        Raises:
            DataError: Lists each broken rule with its count and first examples.
        """
        if self.is_sound:
            return
        images = self.looked_at.get("image", 0)
        lines = [f"  {item.count} × {item.meaning}: {', '.join(item.examples)}" for item in self.errors]
        raise DataError(
            "\n".join(
                [
                    f"Data set '{dataset}' is not sound: {self.quarantined} of {images} images are in quarantine "
                    f"({100 * self.quarantined_share:.2g} %, the limit is {100 * self.limit:.2g} %):",
                    *lines,
                    remedy,
                ]
            ),
            {item.rule: item.count for item in self.errors},
        )


def read_report(catalog: Path) -> ValidationReport:
    """The report that stands in a catalog's folder.

    Raises:
        DataError: Missing or damaged.
    """
    return ValidationReport.from_json(read_json(catalog / REPORT_FILE))
