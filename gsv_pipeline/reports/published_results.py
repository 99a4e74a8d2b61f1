"""Published recalls beside ours, with a verdict that respects our interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gsv_pipeline.benchmarks.rows import Result

Verdict = Literal["same", "better", "worse"]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A published result as the report shows it.

    Args:
        model: As its authors call it, with its dimensions where they are known.
        recall_at: K -> fraction.
        source: Where it is published.
        verdict: What our R@1 is, beside it: `same` where our 95 % interval holds the published number.
    """

    model: str
    recall_at: Mapping[int, float]
    source: str
    verdict: Verdict | None


def why_no_verdict(deviations: Sequence[str], skipped: str) -> str:
    """Why ours cannot be set against published numbers; empty where it can.

    Args:
        deviations: How our copy of the benchmark is not as published.
        skipped: What is said of broken images that were let pass.
    """
    reasons = ["our copy of the benchmark is not as published"] if deviations else []
    reasons += ["broken images were let pass"] if skipped else []
    return f"No verdict is given: {' and '.join(reasons)}, so our recall is of another benchmark." if reasons else ""


def beside_published(published: Sequence[Result], interval: tuple[float, float] | None) -> list[PublishedRow]:
    """Published results from the highest R@1 down.

    Args:
        published: Of the benchmark, in its variant.
        interval: 95 % interval of our R@1 as fractions; None where no verdict can be given.
    """
    rows = [
        PublishedRow(
            f"{item.model}, {item.dimensions:,}-D" if item.dimensions else item.model,
            item.recall_at,
            item.source,
            _verdict(item.recall_at.get(1), interval),
        )
        for item in published
    ]
    return sorted(rows, key=lambda row: (-row.recall_at.get(1, 0.0), row.model))


def _verdict(published: float | None, interval: tuple[float, float] | None) -> Verdict | None:
    if published is None or interval is None:
        return None
    low, high = interval
    return "better" if low > published else "worse" if high < published else "same"
