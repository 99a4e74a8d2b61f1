"""`gsv-pipeline list NAME`: all that a table knows of one name, its licence first of all."""

from pathlib import Path

import pytest

from gsv_pipeline import cli
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.config import experiment_files
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import DATASETS
from tests.benchmarks.folders import utm_name, write_photos


def listed(root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.run(["--data-root", str(root), "list", name]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_every_benchmark_states_its_licence_its_protocol_and_where_its_numbers_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(BENCHMARKS) > 20
    for name, row in BENCHMARKS.items():
        text = listed(tmp_path, name, capsys)
        for stated in (row.description, row.licence, row.variant, row.protocol.words, row.source, row.expected.source):
            assert stated in text, name
        assert f"gsv-pipeline benchmark {name}" in text
        assert DATASETS[row.dataset].how_to_get in text
        for count in (row.expected.database, row.expected.queries, row.expected.positives):
            assert count is None or f"{count:,}" in text
        for result in row.published:
            (line,) = (
                item for item in text.splitlines() if item.endswith(f"({result.source})") and _is_of(item, result)
            )
            assert f"R@1 {round(100 * result.recall_at[1], 2):g}" in line
        assert ("no copies of its images" in text) is not row.redistributable or row.dataset == name


def _is_of(line: str, result) -> bool:  # type: ignore[no-untyped-def]
    size = f"{result.model}, {result.dimensions:,}-D (" if result.dimensions else f": {result.model} ("
    recalls = ", ".join(f"R@{k} {round(100 * value, 2):g}" for k, value in sorted(result.recall_at.items()))
    return size in line and line.strip().startswith(f"{recalls}:")


def test_the_whole_row_of_pitts30k_is_what_its_authors_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = listed(tmp_path, "pitts30k_test", capsys).splitlines()
    assert lines[0] == "benchmark pitts30k_test"
    assert "  protocol: within 25 m, included; every query has a positive" in lines
    assert "  expected: 10,000 database images, 6,816 queries (lists of gsv-cities)" in lines
    assert "  images: absent" in lines
    assert any(line.startswith("  licence: for research; from the authors of NetVLAD (no copies") for line in lines)
    (ours,) = (line for line in lines if line.startswith("    R@1 90.57, R@5 95.13, R@10 96.21"))
    assert ": Conv-AP, ResNet50, 2,048-D (gsv-cities evaluation notebook, https://" in ours


def test_data_sets_experiments_and_parts_are_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert DATASETS
    for name, row in DATASETS.items():
        assert f"  licence: {row.licence}" in listed(tmp_path, name, capsys)
    for name in experiment_files(Layout(tmp_path)):
        assert f"experiment {name}" in listed(tmp_path, name, capsys).splitlines()
    assert "aggregator: convap (out_channels=64, s1=2, s2=2)" in listed(tmp_path, "demo", capsys)
    both = listed(tmp_path, "multi_similarity", capsys)
    assert [line for line in both.splitlines() if not line.startswith(" ")] == [
        "loss multi_similarity",
        "miner multi_similarity",
    ]
    assert "takes: epsilon: float = 0.1" in both


def test_a_benchmark_of_ones_own_says_its_licence_and_where_it_is_defined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("database", "queries"):
        write_photos(tmp_path / side, [utm_name(0, 0)])
    root = tmp_path / "data"
    (root / "benchmarks").mkdir(parents=True)
    text = f"database: {tmp_path / 'database'}\nqueries: {tmp_path / 'queries'}\nlicence: ours alone\n"
    (root / "benchmarks" / "walk.yaml").write_text(text)
    told = listed(root, "walk", capsys)
    assert "licence: ours alone" in told
    assert "images: present" in told
    assert f"It is defined in {root / 'benchmarks' / 'walk.yaml'}." in told
    assert benchmark_row(Layout(root), "walk").protocol.words in told
    (root / "benchmarks" / "walk.yaml").write_text("database: here\n")
    assert cli.run(["--data-root", str(root), "list", "walk"]) == 2
    assert "does not define a benchmark" in capsys.readouterr().err


def test_an_unknown_name_is_refused_with_a_guess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--data-root", str(tmp_path), "list", "pitts30k_tset"]) == 2
    assert (
        "Unknown name 'pitts30k_tset'. Did you mean 'pitts30k_test'? gsv-pipeline list shows" in capsys.readouterr().err
    )
