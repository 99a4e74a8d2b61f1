"""The two benchmarks of the rendered cities: later photographs are looked for among earlier ones."""

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.ground_truth import positives_within
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.demo import QUERIES_FROM_YEAR, TEST_CITY, VALIDATION_CITY


def load_validation(catalog: pd.DataFrame) -> BenchmarkData:
    """The city on which the best checkpoint is chosen."""
    return _split_by_time(catalog, VALIDATION_CITY)


def load_test(catalog: pd.DataFrame) -> BenchmarkData:
    """The city whose recall is stated."""
    return _split_by_time(catalog, TEST_CITY)


def _split_by_time(catalog: pd.DataFrame, city: str) -> BenchmarkData:
    table = catalog[catalog["city"] == city].sort_values("image_id", ignore_index=True)
    if table.empty:
        raise DataError(
            f"The catalog has no image of {city}. Fetch the demo data set again: gsv-pipeline fetch demo --force"
        )
    is_query = table["year"] >= QUERIES_FROM_YEAR
    database, queries = table[~is_query].reset_index(drop=True), table[is_query].reset_index(drop=True)
    positives = positives_within(_latlon(queries), _latlon(database))
    return BenchmarkData(database, queries, positives)


def _latlon(table: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return table[["lat", "lon"]].to_numpy(np.float64)
