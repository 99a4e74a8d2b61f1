"""Recalls -> something a person reads: tables, figures, galleries, maps, pages."""

from typing import Final

VERSION: Final = 5
