"""docs/operations.md: its commands are run or read, its settings are admitted, its tables are those of the code."""

import re
import shutil
import tarfile
from pathlib import Path

import dagster as dg
import pytest
import yaml

from gsv_pipeline.layout import Layout
from tests.dagster_home import REPOSITORY, make_home, shell
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import DOCS, Typed, all_typed, steps
from tests.pictures.reader import type_in
from tests.tiny import TINY_TRAINING

PAGE = "operations.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
COMMANDS = all_typed(PAGE)
WHEN = {"0 3 * * 0": "Sundays, 03:00", "0 5 1 * *": "the first of the month, 05:00"}


def commands(start: str) -> list[Typed]:
    return [command for command in COMMANDS if command.command.startswith(start)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_home(tmp_path, monkeypatch)


def block(first_line: str) -> str:
    """The YAML of the page that begins so."""
    (found,) = (step.text for step in steps(PAGE) if step.kind == "yaml" and step.text.startswith(first_line))
    return found


def test_the_table_of_schedules_and_sensors_is_that_of_the_code_and_all_are_off() -> None:
    from assets.automation import SCHEDULES, SENSORS, TIMEZONE

    assert TIMEZONE == "UTC"
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TEXT, flags=re.MULTILINE))
    expected = {schedule.name: WHEN[schedule.cron_schedule] for schedule in SCHEDULES}
    expected |= {sensor.name: f"every {sensor.minimum_interval_seconds} s" for sensor in SENSORS}
    assert rows == expected
    assert {item.default_status.value for item in (*SCHEDULES, *SENSORS)} == {"STOPPED"}
    switched = {command.arguments[3] for command in commands("dagster s") if command.arguments[2] == "start"}
    assert switched == set(expected)


def test_jobs_of_the_page_exist_and_take_its_run_configuration() -> None:
    from assets.definitions import defs

    names = re.findall(r" -j (\w+)", TEXT)
    assert sorted(set(names)) == ["rebenchmark", "revalidate", "train"]
    for name in names:
        assert defs.resolve_job_def(name)
    assert dg.validate_run_config(defs.resolve_job_def("train"), yaml.safe_load(block("# run.yaml")))


def test_the_retention_of_the_page_is_admitted_by_the_instance(home: Path) -> None:
    from dagster._core.definitions.run_request import InstigatorType

    settings = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    (home / "dagster.yaml").write_text(yaml.safe_dump({**settings, **yaml.safe_load(block("retention:"))}))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        kept = {
            status.value: days for status, days in instance.get_tick_retention_settings(InstigatorType.SENSOR).items()
        }
    assert (kept["SKIPPED"], kept["SUCCESS"], kept["FAILURE"]) == (7, 90, 90)


def run_as_typed(command: Typed, root: Path) -> str:
    """What a command prints, on the tiny experiment."""
    takes_settings = command.arguments[1] in ("accept", "gate", "places", "train", "embed", "index", "evaluate")
    code, printed = type_in(command, root, TINY_TRAINING if takes_settings else ())
    assert code == 0, f"{command.command}\n{printed}"
    return printed


@pytest.mark.slow
def test_the_commands_on_artifacts_run_and_a_backup_brings_a_checkpoint_back_without_training(
    chain_layout: Layout, tiny_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chain_layout.root == tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    names = [command.arguments[1] for command in commands("gsv-pipeline")]
    before, after = ["status", "history", "accept", "gate"], ["catalog", "places", "benchmark"]
    assert names == [*before, "compare", "lineage", "reproduce", "clean", "clean", *after, "track"]
    pack, unpack = commands("tar")
    expected, ran = {one.text for one in to_type() if one.page == PAGE}, [pack.text, unpack.text]
    for command in commands("gsv-pipeline"):
        if command.arguments[1] == "catalog":
            shell(pack, tmp_path)
            shutil.rmtree(chain_layout.root)
            shell(unpack, tmp_path)
            shutil.copytree(tiny_demo / "dataset", chain_layout.root / "dataset")
        if command.text in expected:
            run_as_typed(command, chain_layout.root)
            ran.append(command.text)
    assert_all_run(PAGE, ran, by=__file__)
    with tarfile.open(tmp_path / "backup.tar.gz") as stored:
        folders = {Path(name).parts[1] for name in stored.getnames() if "/" in name}
    assert folders == {"accepted", "history", "checkpoint", "recall_report"}
    _, printed = type_in(Typed("gsv-pipeline train demo", None), chain_layout.root, TINY_TRAINING)
    assert printed.endswith("checkpoint/demo  (unchanged)\n")
