"""docs/pipeline.md: its commands are typed as they stand there, and make what its table says."""

import re
from pathlib import Path

import pytest

from gsv_pipeline.cli import cli
from gsv_pipeline.layout import Layout
from tests.pictures.pages import DOCS, Typed, all_typed
from tests.pictures.reader import parse, type_in
from tests.tiny import TINY_TRAINING

PAGE = "pipeline.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
COMMANDS = all_typed(PAGE)
TAKES_LONG = "reproduce"
"""As long as everything before it; its own tests run it."""


def takes_settings(command: str) -> bool:
    return any(parameter.name == "overrides" for parameter in cli.commands[command].params)


@pytest.mark.slow
def test_the_commands_of_the_page_run_one_after_the_other(
    tiny_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    typed = [command for command in COMMANDS if command.arguments[0] == "gsv-pipeline"]
    assert [command.arguments[1] for command in typed][:3] == ["fetch", "catalog", "places"]
    for command in typed:
        name = command.arguments[1]
        if name != TAKES_LONG:
            code, printed = type_in(command, tiny_layout.root, TINY_TRAINING if takes_settings(name) else ())
            assert code == 0, f"{command.command}\n{printed}"
    last_column = re.findall(r"^\| `\w+` \|.*\| ([^|]+) \|$", TEXT.partition("## With Dagster")[0], flags=re.MULTILINE)
    made = re.findall(r"`(\w+)/`", " ".join(last_column))
    assert len(made) == 10
    assert [folder for folder in made if not (tiny_layout.root / folder).is_dir()] == []


def test_every_other_command_is_known() -> None:
    for command in COMMANDS:
        if command.arguments[0] in ("gsv-pipeline", "dagster"):
            parse(command)
    for inline in re.findall(r"`((?:gsv-pipeline|dagster|torchrun) [^`]+)`", TEXT):
        if inline != "gsv-pipeline --help":  # prints and leaves
            parse(Typed(inline, None))


def test_what_evaluate_writes_is_what_the_page_names(chain_layout: Layout) -> None:
    (row,) = re.findall(r"^\| `evaluate` \| (.+) \| `(\w+)/` \|$", TEXT, flags=re.MULTILINE)
    report = chain_layout.recall_report("demo_test", "demo")
    assert report.parent.parent.name == row[1]
    for name in re.findall(r"`([\w.]+)`", row[0]):
        assert (report / name).is_file(), name
