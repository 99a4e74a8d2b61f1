"""docs/benchmarks.md: its commands are run as they stand there, its tables are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.own import WAYS, benchmark_row
from gsv_pipeline.cli import run
from gsv_pipeline.layout import Layout
from tests.benchmarks.folders import copy_photos, numbered, utm_name, write_photos
from tests.docs_commands import assert_all_run

PAGE = (Path(__file__).parents[1] / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def commands():
    return [line for block in blocks("bash") for line in block.splitlines() if line]


def expected(row, name):
    value = getattr(row.expected, name)
    return "?" if value is None else f"{'about ' if name in row.expected.about else ''}{value:,}"


def test_every_benchmark_stands_in_the_table_with_its_variant_counts_and_protocol():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) / (.+) \| (.+) \|$", PAGE, flags=re.MULTILINE)
    published = {name: row for name, row in BENCHMARKS.items() if row.dataset != "demo"}
    assert rows == [
        (name, row.variant, expected(row, "database"), expected(row, "queries"), row.protocol.words)
        for name, row in published.items()
    ]


def test_the_two_numbers_of_one_name_are_published_ones():
    assert "reaches 88.2 or 83.4" in PAGE
    found = {item.recall_at[1] for name in ("msls_val", "msls_val_all") for item in BENCHMARKS[name].published}
    assert {0.882, 0.834} <= found
    found = {item.recall_at[1] for name in ("nordland", "nordland_wide") for item in BENCHMARKS[name].published}
    assert {0.707, 0.831} <= found


def test_every_way_to_say_what_is_correct_is_explained():
    for way in WAYS[1:]:
        assert f"`positives: {way}`" in PAGE


@pytest.mark.slow
def test_the_commands_of_the_page_make_both_benchmarks(tmp_path, monkeypatch, capsys):
    copy_photos(tmp_path / "data" / "SPEDTEST", [*numbered("ref", 607), *numbered("query", 607)])
    for side, start in (("database", 0), ("queries", 5)):
        write_photos(tmp_path / "photos" / "my_walk" / side, [utm_name(start + 50 * at, 0) for at in range(4)])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    root = tmp_path / "root"
    (text,) = blocks("yaml")
    assert "data/benchmarks/my_walk.yaml" in PAGE
    (root / "benchmarks").mkdir(parents=True)
    (root / "benchmarks" / "my_walk.yaml").write_text(text.replace("/photos", str(tmp_path / "photos")))
    monkeypatch.chdir(tmp_path)
    assert [command.split()[1] for command in commands()] == ["fetch", "benchmark", "benchmark"]
    for command in commands():
        program, *arguments = shlex.split(command.replace("/data", str(tmp_path / "data")))
        assert program == "gsv-pipeline"
        assert run(["--data-root", str(root), *arguments]) == 0, f"{command}\n{capsys.readouterr().err}"
    assert_all_run("benchmarks.md", commands(), by=__file__)
    printed = capsys.readouterr().out
    assert "variant: 607 pairs of VPR-Bench" in printed
    assert "positives_per_query: 1.0" in printed
    assert benchmark_row(Layout(root), "my_walk").licence == yaml.safe_load(text)["licence"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")} == before
    assert run(["--data-root", str(root), "list"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^  sped +present +SPED", listed, flags=re.MULTILINE)
    assert re.search(r"^  my_walk +present ", listed, flags=re.MULTILINE)
    assert re.search(r"^  tokyo247 +absent +Tokyo", listed, flags=re.MULTILINE)
