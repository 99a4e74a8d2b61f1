"""Trackers: one that says nothing, one that remembers."""

from collections.abc import Mapping

from gsv_pipeline.tracking import NullTracker

TRACKER = NullTracker()


class Heard(NullTracker):
    """Keeps what was said and logged."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.logged: list[tuple[int, dict[str, float]]] = []

    def message(self, text: str) -> None:
        self.said.append(text)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self.logged.append((step, dict(metrics)))
