"""`dagster job execute`, as shells and cron call it: what runs, and with which status it ends."""

import json
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._cli import create_dagster_cli

from gsv_pipeline.evaluation.history_file import read_history
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.dagster_home import BIN, DEFINITIONS, ONE_PROCESS, REPOSITORY, Home
from tests.orchestration.accepted import accepted_experiment

EXECUTE = ("job", "execute", "-f", str(DEFINITIONS), "-d", str(REPOSITORY))
OF_MINE = ("--tags", json.dumps({"dagster/partition": "mine"}))


def test_the_workspace_is_valid_from_any_folder(tmp_path: Path) -> None:
    home = Home.make(tmp_path, tmp_path / "data")

    done = home.dagster("definitions", "validate", "-w", REPOSITORY / "workspace.yaml")

    assert done.returncode == 0, done.stderr
    assert "Preview" not in done.stderr  # what Dagster thinks of partitioned checks is no news to a reader


@pytest.mark.parametrize("config", [(), ("-c", str(REPOSITORY / "assets" / "demo_run.yaml"))])
def test_a_failed_run_exits_with_1_and_says_why_in_one_sentence(tmp_path: Path, config: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("no folder")
    home = Home.make(tmp_path, tmp_path / "file")
    # No variable names the home: its folder is enough.
    environment = {name: value for name, value in home.environment.items() if name != "DAGSTER_HOME"}

    done = subprocess.run(
        [BIN / "dagster", *EXECUTE, "-j", "demo", *config],
        cwd=tmp_path,
        env={**environment, "GSV_SEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "DEBUG" not in done.stderr
    assert f"The data root {tmp_path / 'file'} cannot be created" in done.stderr
    assert (tmp_path / ".dagster" / "storage").is_dir()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-j", "trian"), 'Job "trian" not found'),
        ((), "Must provide --job"),
        (("-j", "train", "--partition", "demo"), "No such option '--partition'"),
        (("-j", "train", "-c", "gone.yaml"), "Path 'gone.yaml' does not exist"),
        (("-j", "train", "--tags", "{demo"), "Expecting property name enclosed in double quotes"),
    ],
)
def test_bad_arguments_exit_with_2(home: Home, arguments: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(create_dagster_cli(), [*EXECUTE, *arguments])

    assert result.exit_code == 2
    assert said in result.output


def runs(home: Home) -> list[dg.DagsterRun]:
    """On record, the latest first."""
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        return list(instance.get_runs())


@pytest.mark.slow
def test_the_jobs_after_training_exit_with_0_and_make_what_they_promise(home: Home, chain_layout: Layout) -> None:
    accepted_experiment(chain_layout, "mine")
    shutil.rmtree(chain_layout.recall_report("demo_test", "mine"))

    home.execute("benchmark", *OF_MINE)
    (benchmark,) = runs(home)
    home.execute("rebenchmark", *OF_MINE)
    home.execute("revalidate")

    revalidate, rebenchmark, _ = runs(home)
    assert [run.job_name for run in (revalidate, rebenchmark)] == ["revalidate", "rebenchmark"]
    history = read_history(chain_layout.history("demo_test", "mine"))
    assert [entry.dagster_run for entry in history] == ["", benchmark.run_id, rebenchmark.run_id]
    described = read_manifest(chain_layout.embeddings("demo_test", "mine"))
    catalog = read_manifest(chain_layout.catalog("demo"))
    assert described is not None
    assert catalog is not None
    assert described.provenance["dagster_run"] == rebenchmark.run_id
    assert (catalog.config["look"], catalog.provenance["dagster_run"]) == ("full", revalidate.run_id)


def test_an_unknown_partition_exits_with_1_and_names_the_nearest(home: Home) -> None:
    tags = json.dumps({"dagster/partition": "dmo"})

    done = home.dagster("job", "execute", "-f", ONE_PROCESS, "-d", REPOSITORY, "-j", "rebenchmark", "--tags", tags)

    assert done.returncode == 1
    assert "Unknown experiment 'dmo'. Did you mean 'demo'?" in done.stderr
