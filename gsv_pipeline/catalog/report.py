"""What validation found: rules with severity, count, share and first examples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from gsv_pipeline.errors import DataError

Severity = Literal["error", "warning"]
MAX_EXAMPLES: Final = 5
REPORT_FILE: Final = "validation.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is checked: its severity and the sentence a person reads."""

    severity: Severity
    meaning: str


RULES: Final[Mapping[str, Rule]] = {
    "missing_image": Rule("error", "a row has no image file"),
    "empty_image": Rule("error", "an image file has 0 bytes"),
    "not_an_image": Rule("error", "a file is not an image"),
    "truncated_image": Rule("error", "an image file ends too early"),
    "coordinates_out_of_range": Rule("error", "latitude outside ±90 or longitude outside ±180"),
    "impossible_date": Rule("error", "month outside 1 to 12 or year outside 1990 to 2100"),
    "duplicate_panoid_in_place": Rule("error", "a place holds the same panorama twice"),
    "image_without_row": Rule("warning", "an image file has no row in its city's CSV"),
    "strange_name": Rule("warning", "a file is not named as published"),
    "place_of_few_images": Rule("warning", "a place has fewer than 4 images"),
    "places_close_together": Rule("warning", "two places of a city are less than 100 m apart"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a rule was broken, and by what first."""

    rule: str
    severity: Severity
    meaning: str
    count: int
    share: float
    examples: tuple[str, ...]


class Findings:
    """Collects broken rules while a catalog is built and validated."""

    def __init__(self) -> None:
        self._broken: dict[str, list[str]] = {rule: [] for rule in RULES}

    def add(self, rule: str, examples: Sequence[str]) -> None:
        """Note that `rule` is broken by each of `examples`."""
        self._broken[rule].extend(examples)

    def report(self, num_images: int) -> "ValidationReport":
        """Everything noted, in the order of RULES; shares are of `num_images`."""
        return ValidationReport(
            num_images,
            tuple(
                Finding(
                    name,
                    rule.severity,
                    rule.meaning,
                    len(found),
                    len(found) / max(num_images, 1),
                    tuple(found[:MAX_EXAMPLES]),
                )
                for name, rule in RULES.items()
                for found in [self._broken[name]]
            ),
        )


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The whole verdict on a data set."""

    num_images: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Broken rules that a catalog may not have."""
        return tuple(finding for finding in self.findings if finding.count and finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Broken rules worth knowing."""
        return tuple(finding for finding in self.findings if finding.count and finding.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """Plain values for `validation.json`."""
        return asdict(self)

    def require_sound(self, *, dataset: str, remedy: str) -> None:
        """Refuse a data set with errors.

        Raises:
            DataError: Lists each broken rule with its count and first examples.
        """
        if not self.errors:
            return
        lines = [f"  {item.count} × {item.meaning}: {', '.join(item.examples)}" for item in self.errors]
        raise DataError(
            "\n".join([f"Data set '{dataset}' is not sound ({self.num_images} images looked at):", *lines, remedy]),
            {item.rule: item.count for item in self.errors},
        )
