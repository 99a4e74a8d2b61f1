"""Parquet tables of the pipeline: a damaged one is named, with what to do."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gsv_pipeline.errors import DataError


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table that the pipeline wrote.

    Raises:
        DataError: Missing or damaged.
    """
    try:
        return pd.read_parquet(path, columns=list(columns) if columns else None)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        raise DataError(
            f"{path} is not readable ({error}). Remove the folder {path.parent} and make it again."
        ) from error
