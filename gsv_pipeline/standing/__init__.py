"""How artifacts stand, from their manifests, locks and leftovers."""

from gsv_pipeline.standing.state import (
    FAILED,
    INTERRUPTED,
    MISSING,
    ORPHAN,
    PRESENT,
    RUNNING,
    STALE,
    Standing,
)
from gsv_pipeline.standing.survey import experiment_of, standings

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "MISSING",
    "ORPHAN",
    "PRESENT",
    "RUNNING",
    "STALE",
    "Standing",
    "experiment_of",
    "standings",
]
