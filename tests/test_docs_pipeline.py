"""docs/pipeline.md: its commands are typed as they stand there, and make what its table says."""

import re
from pathlib import Path

import pytest

from gsv_pipeline.cli import cli
from gsv_pipeline.layout import Layout
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import DOCS, Typed
from tests.pictures.reader import type_in
from tests.tiny import TINY_TRAINING

PAGE = "pipeline.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")


def takes_settings(command: str) -> bool:
    return command in cli.commands and any(one.name == "overrides" for one in cli.commands[command].params)


@pytest.mark.slow
def test_the_commands_of_the_page_run_one_after_the_other(
    tiny_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    commands = [Typed(one.text, None) for one in to_type() if one.page == PAGE]
    assert [command.arguments[1] for command in commands][:3] == ["fetch", "catalog", "places"]
    for command in commands:
        name = command.arguments[1]
        code, printed = type_in(command, tiny_layout.root, TINY_TRAINING if takes_settings(name) else ())
        assert code == 0, f"{command.command}\n{printed}"
    assert_all_run(PAGE, [command.text for command in commands], by=__file__)
    last_column = re.findall(r"^\| `\w+` \|.*\| ([^|]+) \|$", TEXT.partition("## With Dagster")[0], flags=re.MULTILINE)
    made = re.findall(r"`(\w+)/`", " ".join(last_column))
    assert len(made) == 10
    assert [folder for folder in made if not (tiny_layout.root / folder).is_dir()] == []


def test_what_evaluate_writes_is_what_the_page_names(chain_layout: Layout) -> None:
    (row,) = re.findall(r"^\| `evaluate` \| (.+) \| `(\w+)/` \|$", TEXT, flags=re.MULTILINE)
    report = chain_layout.recall_report("demo_test", "demo")
    assert report.parent.parent.name == row[1]
    for name in re.findall(r"`([\w.]+)`", row[0]):
        assert (report / name).is_file(), name
