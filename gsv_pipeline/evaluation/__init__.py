"""Neighbours and positives -> recall."""

from typing import Final

VERSION: Final = 2
DEPTH: Final = 25  # predictions kept per query: the largest K of the reference
