"""Rows of the benchmark table, and how two things are timed in turn."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Args:
        name: What was compared.
        baseline: The reference's way, or the limit that an issue sets; in `unit`.
        ours: In `unit`.
        unit: Of both ("s", "ms", "us", "MB").
        goal: Wanted baseline / ours.
        note: What the baseline is.
    """

    name: str
    baseline: float
    ours: float
    unit: str
    goal: float
    note: str

    @property
    def ratio(self) -> float:
        """How many times faster than the baseline."""
        return self.baseline / self.ours

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.ratio >= self.goal

    def to_json(self) -> dict[str, str | float | bool]:
        """A row of `build/bench.json`."""
        return {
            "name": self.name,
            "baseline": self.baseline,
            "ours": self.ours,
            "unit": self.unit,
            "ratio": self.ratio,
            "goal": self.goal,
            "holds": self.holds,
            "note": self.note,
        }


def in_turn(baseline: Callable[[], object], ours: Callable[[], object], *, rounds: int = 5) -> tuple[float, float]:
    """Median seconds of both, run in turn, after one unmeasured round: noise of the machine meets both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for kept, work in zip(times, (baseline, ours), strict=True):
            started = time.perf_counter()
            work()
            if number:
                kept.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def machine() -> str:
    """Where this ran, in one line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a kernel file, read line by line
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} processors, {model}, Python {platform.python_version()}{load}"
