"""Descriptors -> neighbours."""

from typing import Final

VERSION: Final = 1
