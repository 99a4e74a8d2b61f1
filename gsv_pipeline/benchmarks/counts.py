"""What a benchmark holds beside what it should hold."""

from collections.abc import Mapping
from typing import Final

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.rows import ALL_HAVE_SOME, BenchmarkRow, Counts

_WORDS: Final = {"database": "database images", "queries": "queries", "positives": "positives in all"}


def count(data: BenchmarkData) -> dict[str, int]:
    """Database images, queries, and positives of all queries together."""
    return {
        "database": len(data.database),
        "queries": len(data.queries),
        "positives": sum(len(rows) for rows in data.positives),
    }


def queries_alone(data: BenchmarkData, row: BenchmarkRow) -> list[str]:
    """A sentence where queries have no positive although each should; queries may have none in other benchmarks."""
    alone = sum(not len(rows) for rows in data.positives)
    if row.protocol.without_positives != ALL_HAVE_SOME or not row.has_positives or not alone:
        return []
    return [f"{alone:,} of {len(data.queries):,} queries have no positive, expected some for each ({row.source})"]


def other_counts(found: Mapping[str, int], expected: Counts) -> tuple[list[str], list[str]]:
    """Sentences about counts that differ.

    Args:
        found: From `count`.
        expected: Of the benchmark's row.

    Returns:
        What contradicts a count, and what differs from a number that nobody has counted.
    """
    wrong: list[str] = []
    other: list[str] = []
    for name, words in _WORDS.items():
        wanted = getattr(expected, name)
        if wanted is None or wanted == found[name]:
            continue
        is_about = name in expected.about
        sentence = f"{found[name]:,} {words}, expected {'about ' if is_about else ''}{wanted:,} ({expected.source})"
        (other if is_about else wrong).append(sentence)
    return wrong, other
