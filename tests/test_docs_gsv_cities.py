"""docs/gsv_cities.md: its tables are those of the code, and what it shows can be typed."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gsv_pipeline.catalog.report import LEVELS, RULES
from gsv_pipeline.config import PlacesFilter
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import DATASETS, SOURCES
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import Typed, text_of
from tests.pictures.reader import type_in
from tests.published import shots_of, write_city

NAME = "gsv_cities.md"
PAGE = text_of(NAME)


def test_every_rule_stands_in_the_table_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (error|warning) \| (.+) \|$", PAGE, flags=re.MULTILINE)
    assert rows == [(name, rule.severity, rule.meaning) for name, rule in RULES.items()]


def test_every_look_and_every_clause_is_explained() -> None:
    looks = PAGE.partition("| look |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", looks, flags=re.MULTILINE) == list(LEVELS)
    clauses = PAGE.partition("| clause |")[2].partition("\n\n")[0]
    named = [name for line in clauses.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(named) == sorted(PlacesFilter.model_fields)


def test_the_filter_of_the_page_says_what_the_publisher_asks_of_pandas() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    stated = PlacesFilter.model_validate(yaml.safe_load(block)["places"]).stated()
    assert stated == {"hemisphere": ["north"], "years": [2012, 2016], "months": [7], "min_images_per_place": 16}


def test_a_copy_and_an_archive_are_fetched_and_made_a_catalog_by_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_city(tmp_path / "copy", "London", shots_of(3, 4))
    shutil.make_archive(str(tmp_path / "gsv-cities"), "zip", tmp_path / "copy")
    fetches_first = sorted((one.text for one in to_type() if one.page == NAME), key=lambda text: " fetch " not in text)
    for text in fetches_first:
        here = text.replace("/my/copy", str(tmp_path / "copy")).replace("/my/gsv-", str(tmp_path / "gsv-"))
        code, printed = type_in(Typed(here, None), tmp_path / "data", ["--force"] if " fetch " in text else [])
        assert code == 0, f"{text}\n{printed}"
    assert_all_run(NAME, fetches_first, by=__file__)
    assert len(pd.read_parquet(Layout(tmp_path / "data").catalog("gsv_cities") / "catalog.parquet")) == 12


def test_every_source_and_data_set_of_the_page_exists() -> None:
    assert set(re.findall(r"--source (\w+)", PAGE)) <= set(SOURCES)
    assert set(re.findall(r"fetch (gsv_\w+)", PAGE)) <= set(DATASETS)
