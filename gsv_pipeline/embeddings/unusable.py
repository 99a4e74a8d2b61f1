"""What to say where somebody's callable gives descriptors that no search can use."""

from collections.abc import Sequence
from typing import Final

from gsv_pipeline.errors import few
from gsv_pipeline.models.external import WHERE_TO_LOOK

RUN_AGAIN: Final = "Mend it, run gsv-pipeline train for its experiment to record it anew, then the same command again."


def what_to_do(failing: Sequence[str], batch: Sequence[str]) -> str:
    """Which images it is, where to look and how to go on.

    Args:
        failing: Images that have no descriptor when they are described alone either.
        batch: All images that were described together; empty where nobody knows their names.
    """
    return f"{_which(failing, batch)}Expected finite numbers, not all of them 0. {WHERE_TO_LOOK} {RUN_AGAIN}"


def _which(failing: Sequence[str], batch: Sequence[str]) -> str:
    if failing:
        return f"Images: {few(failing)}. "
    if batch:
        return f"Each image alone has a descriptor, so it depends on the others of its batch: {few(batch)}. "
    return ""
