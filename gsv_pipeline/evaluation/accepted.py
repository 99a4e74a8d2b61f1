"""Accepted recalls: what a person called good, in a small file under git, and the gate that compares with it."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.evaluation.comparison import Comparison, compare
from gsv_pipeline.manifest import read_json, write_json

SCHEMA: Final = 1
_ROUNDING: Final = 1e-9  # a loss of exactly the tolerance passes

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recall that a person accepted.

    Args:
        experiment: Whose.
        benchmark: On what.
        benchmark_version: Data version of the benchmark; another one cannot be compared query by query.
        queries: Q.
        recall_at: K (as text) -> fraction.
        ranks: [Q] 0-based rank of each query's first correct answer, 25 where none is: packed, as text.
        reason: What the person said.
        accepted: When, as ISO 8601.
        origin: Data versions, code and packages behind the recall.
        tolerance: Largest loss of R@1 that passes, as a fraction; None: the paired comparison must not say `worse`.
    """

    experiment: str
    benchmark: str
    benchmark_version: str
    queries: int
    recall_at: Mapping[str, float]
    ranks: str
    reason: str
    accepted: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    schema: int = SCHEMA

    def first_hits(self) -> Ints:
        """[Q] ranks, unpacked.

        Raises:
            DataError: The file was edited.
        """
        try:
            ranks = np.frombuffer(zlib.decompress(base64.b64decode(self.ranks, validate=True)), dtype=np.uint8)
        except (ValueError, zlib.error) as error:
            raise DataError(f"{_what(self)} is damaged ({error}). Restore it from git, or accept anew.") from error
        if len(ranks) != self.queries:
            raise DataError(
                f"{_what(self)} holds the ranks of {len(ranks)} queries, and says that there are {self.queries}. "
                "Restore it from git, or accept anew."
            )
        return ranks.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says.

    Args:
        passed: Not worse than accepted by more than the tolerance.
        message: One sentence for whoever reads the check.
        comparison: Now against accepted; None where they cannot be compared.
    """

    passed: bool
    message: str
    comparison: Comparison | None = None


def pack_ranks(ranks: Ints) -> str:
    """[Q] ranks in 0..25 as text."""
    return base64.b64encode(zlib.compress(np.minimum(ranks, DEPTH).astype(np.uint8).tobytes(), 9)).decode("ascii")


def save_accepted(path: Path, accepted: Accepted) -> None:
    """Write the record; git keeps the ones before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(accepted))


def load_accepted(path: Path) -> Accepted | None:
    """Read the record, or None where nothing was accepted.

    Raises:
        DataError: Unreadable, or no such record.
    """
    if not path.is_file():
        return None
    try:
        return Accepted(**read_json(path))
    except (TypeError, ValueError, OSError) as error:
        raise DataError(
            f"{path} is no accepted recall ({error}). Restore it from git, or remove it and accept anew."
        ) from error


def judge(accepted: Accepted, ranks: Ints, places: Sequence[str], *, benchmark_version: str) -> Judgement:
    """Compare R@1 of now with what was accepted, query by query.

    Args:
        accepted: The record.
        ranks: [Q] of now, as `Accepted.first_hits`.
        places: [Q] place of each query.
        benchmark_version: Data version of the benchmark now.
    """
    if benchmark_version != accepted.benchmark_version or len(ranks) != accepted.queries:
        return Judgement(
            False,
            f"The benchmark '{accepted.benchmark}' has changed since its recall was accepted on "
            f"{accepted.accepted[:10]}, so the two cannot be compared. Look at the report, then run: "
            f"gsv-pipeline accept {accepted.experiment} --benchmark {accepted.benchmark} --reason …",
        )
    found = compare(ranks < 1, accepted.first_hits() < 1, places)
    low, high = found.interval
    lost, tolerance = -found.difference, accepted.tolerance
    passed = found.verdict != "worse" if tolerance is None else lost <= tolerance + _ROUNDING
    limit = "chance" if tolerance is None else f"a loss of {100 * tolerance:.2f} points"
    sentence = (
        f"R@1 is {100 * float((ranks < 1).mean()):.2f}, accepted was {100 * accepted.recall_at['1']:.2f} on "
        f"{accepted.accepted[:10]}: {100 * found.difference:+.2f} points "
        f"({100 * low:+.2f} to {100 * high:+.2f}), p = {found.p_value:.2g}; "
        f"{found.only_second} queries lost, {found.only_first} won."
    )
    advice = (
        ""
        if passed
        else f" That is more than {limit} admits. If it is meant, run: gsv-pipeline accept {accepted.experiment} "
        f"--benchmark {accepted.benchmark} --reason …"
    )
    return Judgement(passed, sentence + advice, found)


def _what(accepted: Accepted) -> str:
    return f"The accepted recall of '{accepted.experiment}' on '{accepted.benchmark}'"
