"""One row per image: schema, build, validation."""

from typing import Final

VERSION: Final = 2
