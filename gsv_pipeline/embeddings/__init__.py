"""Checkpoint and images -> descriptors, and the baselines that need no training."""

from typing import Final

VERSION: Final = 1
