"""The baseline that is every experiment's own model before its training."""

from typing import Final

UNTRAINED: Final = "untrained"
UNTRAINED_SEED: Final = 0
