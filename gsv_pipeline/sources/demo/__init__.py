"""The embedded dataset: a seeded renderer of small invented cities in the published GSV-Cities layout."""

from typing import Final

VERSION: Final = 1
"""Bumped by hand whenever the rendered bytes change."""

TRAINING_CITIES: Final[tuple[str, str, str]] = ("Brunnhaven", "Castelmare", "Ostrowiec")
"""The first of `cities.TRAINING`."""

VALIDATION_CITY: Final = "Lindenport"
TEST_CITY: Final = "Marwick"

QUERIES_FROM_YEAR: Final = 2018
"""In the two benchmark cities, images from this year on are queries and earlier ones the database."""
