"""Does what a documentation page says: writes its files below a data root and types its commands."""

import contextlib
import importlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from gsv_pipeline.cli import cli, run
from tests.pictures.pages import Step, Typed

DATA: Final = "data/"
"""What pages call the data root."""


def write_file(step: Step, root: Path) -> Path:
    """Write the file that a block is, below the data root `root`."""
    path = root / step.file.removeprefix(DATA)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step.text, encoding="utf-8")
    return path


def type_in(command: Typed, root: Path, more: Sequence[str] = ()) -> tuple[int, str]:
    """Type a `gsv-pipeline` command in this process.

    Args:
        command: As the page has it.
        root: The data root; its parent folder is `…` in what is returned, as in pages.
        more: Further arguments.

    Returns:
        Exit code and what a page shows: standard output, and the error where it failed.
    """
    program, *arguments = command.arguments
    assert program == "gsv-pipeline", f"'{command.command}' is no command of gsv-pipeline"
    printed, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
        code = run(["--data-root", str(root), *arguments, *more])
    error = re.search(r"^Error: .*", told.getvalue(), flags=re.MULTILINE | re.DOTALL)
    text = printed.getvalue() + (error[0] if error else "")
    return code, re.sub(rf"{re.escape(str(root))}(?=/|\b)", f"…/{DATA.rstrip('/')}", text)


def parse(command: Typed) -> None:
    """Let the real command line read a command that a test cannot run: it exists, and so do its options.

    Raises:
        click.UsageError: It does not.
        SystemExit: torchrun knows no such option.
    """
    program, *arguments = command.arguments
    if program == "torchrun":
        from torch.distributed.run import get_args_parser

        launched = get_args_parser().parse_args(arguments)
        assert launched.module
        assert launched.training_script == "gsv_pipeline.cli"
        program, arguments = "gsv-pipeline", launched.training_script_args
    _read(_program(program), arguments)


def _program(name: str) -> click.Command:
    """The command line of a program that pages start."""
    if name == "gsv-pipeline":
        return cli
    if name == "dagster":
        return importlib.import_module("dagster._cli").cli
    assert name == "dagster-webserver", f"no test knows the command line of '{name}'"
    return importlib.import_module("dagster_webserver.cli").dagster_webserver


def _read(at: click.Command, arguments: Sequence[str]) -> None:
    context, rest = click.Context(at), list(arguments)
    while isinstance(at, click.Group):
        name, found, rest = at.resolve_command(context, rest)
        assert found is not None
        at, context = found, click.Context(found, parent=context, info_name=name)
    at.make_context(at.name, rest, parent=context.parent)
