"""What training sees: filtered places with stable labels, and the batches drawn from them."""

from typing import Final

VERSION: Final = 2
