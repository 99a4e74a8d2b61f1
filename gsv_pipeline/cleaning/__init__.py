"""Freeing space: nothing goes that the pipeline did not make, that is in use, or that an interrupted run needs."""

from gsv_pipeline.cleaning.judging import Kept, Removable
from gsv_pipeline.cleaning.removal import Found, find_removable, remove

__all__ = ["Found", "Kept", "Removable", "find_removable", "remove"]
