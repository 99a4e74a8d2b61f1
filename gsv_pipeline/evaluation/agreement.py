"""Whether a report that was made again says what the first one said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.evaluation.comparison import compare
from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE, Outcomes, load_outcomes
from gsv_pipeline.evaluation.score import Score, load_score

KS: Final = (1, 5, 10, 20)
EQUAL: Final = "equal"
WITHIN: Final = "within the interval"
DIFFERENT: Final = "different"


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """R@K then and now.

    Args:
        k: K.
        before: As a fraction.
        now: As a fraction.
        interval: 95 % of the difference, paired over places; or of the recall then, where queries were not kept.
        verdict: `equal`, `within the interval` or `different`.
    """

    k: int
    before: float
    now: float
    interval: tuple[float, float]
    verdict: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reports side by side.

    Args:
        rows: By K.
        moved: Queries whose first correct answer changed its rank; None where that was not kept.
        reason: Why they cannot be compared query by query; empty where they can.
    """

    rows: Sequence[AgreementRow]
    moved: int | None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """`different` where a row is; `equal` where every row is, and every query."""
        verdicts = {row.verdict for row in self.rows}
        if DIFFERENT in verdicts:
            return DIFFERENT
        return EQUAL if verdicts == {EQUAL} and not self.moved else WITHIN


def agreement(before: Path, now: Path) -> Agreement:
    """Compare two recall reports of one model on one benchmark.

    Args:
        before: Folder of the first.
        now: Folder of the second.

    Raises:
        DataError: One of them is damaged.
    """
    first, second = load_score(before), load_score(now)
    if not all((folder / OUTCOMES_FILE).is_file() for folder in (before, now)):
        return Agreement(_by_recall(first, second), None, "what became of each query was not kept")
    then, after = load_outcomes(before), load_outcomes(now)
    if then.queries != after.queries:
        found = f"{len(then.queries)} queries then and {len(after.queries)} others now"
        return Agreement(
            [AgreementRow(row.k, row.before, row.now, row.interval, DIFFERENT) for row in _by_recall(first, second)],
            None,
            found,
        )
    return Agreement(_by_query(then, after), int((then.ranks != after.ranks).sum()))


def _by_query(then: Outcomes, after: Outcomes) -> list[AgreementRow]:
    rows = []
    for k in KS:
        hits, before = after.ranks < k, then.ranks < k
        found = compare(hits, before, then.places)
        same = EQUAL if (hits == before).all() else WITHIN
        verdict = same if found.verdict == "same" else DIFFERENT
        rows.append(AgreementRow(k, float(before.mean()), float(hits.mean()), found.interval, verdict))
    return rows


def _by_recall(first: Score, second: Score) -> list[AgreementRow]:
    rows = []
    for k in KS:
        before, now, (low, high) = first.recall_at[k], second.recall_at[k], first.interval_at[k]
        verdict = EQUAL if before == now else WITHIN if low <= now <= high else DIFFERENT
        rows.append(AgreementRow(k, before, now, (low, high), verdict))
    return rows
