"""docs/gsv_cities.md: its tables are those of the code, and what it shows can be typed."""

import re
from pathlib import Path

import yaml

from gsv_pipeline.catalog.report import LEVELS, RULES
from gsv_pipeline.cli import cli
from gsv_pipeline.config import PlacesFilter
from gsv_pipeline.sources import DATASETS, SOURCES

PAGE = (Path(__file__).parents[1] / "docs" / "gsv_cities.md").read_text(encoding="utf-8")


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


def test_every_command_source_and_data_set_of_the_page_exists() -> None:
    commands = set(re.findall(r"gsv-pipeline ([a-z]+)", PAGE))
    assert {"fetch", "catalog", "show"} <= commands <= set(cli.commands)
    assert set(re.findall(r"--source (\w+)", PAGE)) <= set(SOURCES)
    assert set(re.findall(r"fetch (gsv_\w+)", PAGE)) <= set(DATASETS)
