"""Checkpoint and images -> descriptors, and the baselines that need no training."""

from typing import Final

VERSION: Final = 2
PRECISION: Final = "32-true"
"""Of every recall that is stated: in bf16 it would depend on which processors have it."""
