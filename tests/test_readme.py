"""README: the two commands stand where a newcomer looks. Its other commands are typed by test_readme_commands.py."""

import re
from pathlib import Path

import yaml

from gsv_pipeline.cli import cli

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_and_their_output_stand_in_the_first_25_lines() -> None:
    top = "\n".join(README.splitlines()[:25])
    assert "make demo" in top
    assert "make test" in top
    assert re.search(r"demo +[1-9]\d\.\d \([1-9]\d\.\d–[1-9]\d\.\d\)", top), "the table that a reader should expect"
    assert re.search(r"[1-9]\d+ passed", top)


def test_every_stage_of_dvc_yaml_calls_a_command_that_exists() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    commands = [stage.get("do", stage)["cmd"].split()[1] for stage in stages.values()]
    assert commands
    assert set(commands) <= set(cli.commands)
