"""docs/operations/forget_runs.py: what ended long ago goes, files included; what is under way or recent stays."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from docs.operations.forget_runs import ended_before, forget, main
from tests.dagster_home import make_home
from tests.docs_commands import assert_all_run
from tests.pictures.pages import all_typed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_home(tmp_path, monkeypatch)


@pytest.fixture
def runs(home: Path) -> Iterator[tuple[dg.DagsterInstance, list[str]]]:
    """An instance with two finished runs of an asset, the ids in order."""

    @dg.asset(name="old")
    def asset() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult()

    with dg.DagsterInstance.get() as instance:
        found = [dg.materialize([asset], instance=instance).run_id for _ in range(2)]
        yield instance, found


def files_of(run: str, home: Path) -> list[Path]:
    return [path for path in (home / ".dagster").rglob("*") if run in str(path) and path.is_file()]


def test_forgotten_runs_leave_nothing_and_their_asset_still_knows_its_latest_materialization(
    runs: tuple[dg.DagsterInstance, list[str]], home: Path
) -> None:
    instance, (first, last) = runs
    assert files_of(first, home)
    assert ended_before(instance, datetime.now(UTC) - timedelta(days=1)) == []
    for run in ended_before(instance, datetime.now(UTC) + timedelta(minutes=1)):
        forget(instance, run)
    assert instance.get_runs() == []
    assert files_of(first, home) == files_of(last, home) == []
    latest = instance.get_latest_materialization_event(dg.AssetKey("old"))
    assert latest is not None
    assert latest.run_id == last


def test_runs_under_way_are_not_forgotten(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(dg.job(name="waiting")(lambda: None), status=dg.DagsterRunStatus.STARTED)
        assert run.run_id not in {item.run_id for item in ended_before(instance, datetime.now(UTC) + timedelta(days=1))}


def test_elsewhere_than_in_the_repository_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # whatever the script sets goes when the test ends
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [])
    assert done.exit_code == 2
    assert "holds no dagster.yaml. Run this in the repository" in done.output


def test_the_script_counts_before_it_forgets(runs: tuple[dg.DagsterInstance, list[str]]) -> None:
    typed = [command for command in all_typed("operations.md") if command.arguments[0] == "python"]
    assert [command.arguments[2:] for command in typed] == [["--days", "90"], ["--days", "90", "--yes"]]
    for command in typed:
        done = CliRunner().invoke(main, command.arguments[2:])
        assert done.exit_code == 0, done.output
        assert re.match(r"0 runs older than 90 days (would go|are forgotten)", done.output)
    assert_all_run("operations.md", [command.text for command in typed], by=__file__)
    assert len(runs[0].get_runs()) == 2
