"""The first rows of tables, as plain values."""

from pathlib import Path

import pandas as pd
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.samples import catalog_sample, places_sample, queries_sample, sample_rows
from tests.tiny import tiny_experiment


def test_the_first_rows_are_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = {"name": ["a", None, "c"], "count": [1, 2, 3], "degrees": [0.5, float("nan"), 2.0], "date": ["x"] * 3}
    pd.DataFrame(table).assign(date=pd.Timestamp("2020-01-02")).to_parquet(path, index=False)

    assert sample_rows(path, 2) == [
        {"name": "a", "count": 1, "degrees": 0.5, "date": "2020-01-02 00:00:00"},
        {"name": None, "count": 2, "degrees": None, "date": "2020-01-02 00:00:00"},
    ]


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    pd.DataFrame({"name": []}).to_parquet(tmp_path / "table.parquet", index=False)

    assert sample_rows(tmp_path / "table.parquet") == []


@pytest.mark.parametrize("content", [None, b"PAR1 torn"])
def test_a_damaged_table_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "table.parquet").write_bytes(content)

    with pytest.raises(DataError, match="table.parquet is not readable"):
        sample_rows(tmp_path / "table.parquet")


def test_every_table_of_the_chain_has_its_sample(tiny_chain: Path) -> None:
    layout = Layout(tiny_chain)

    for rows in (
        catalog_sample(layout, "demo"),
        places_sample(layout, tiny_experiment(layout)),
        queries_sample(layout, "demo_test"),
    ):
        assert len(rows) == 5
        assert all(str(row["image_id"]).startswith("Images/") for row in rows)


def test_an_experiment_without_places_has_no_sample(tiny_demo: Path) -> None:
    assert places_sample(Layout(tiny_demo), tiny_experiment(Layout(tiny_demo))) == []
