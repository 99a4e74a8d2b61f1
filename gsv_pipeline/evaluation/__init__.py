"""Neighbours and positives -> recall."""

from typing import Final

VERSION: Final = 1
DEPTH: Final = 25  # predictions kept per query: the largest K of the reference
