"""Does what a documentation page says: writes its files below a data root and types its commands."""

import contextlib
import importlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from gsv_pipeline.cli import cli, run
from tests.pictures.pages import DOCS, Step, Typed

DATA: Final = "data/"
"""What pages call the data root."""
_MOST_LEFT_OUT: Final = 3


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


def parse(command: Typed, *, whole: bool = True) -> list[click.Context]:
    """Let the real command line read a command: it exists, and so do its options.

    Args:
        command: Of `gsv-pipeline`, `dagster`, `dvc`, `make`, `torchrun` or `python -m`.
        whole: Whether arguments must not be missing; a sentence may name a command without its last ones.

    Returns:
        What click read; empty for programs that are not click's.

    Raises:
        click.UsageError: It does not.
        ValueError: make, dvc or Python knows no such target, command or module.
        SystemExit: torchrun knows no such option.
    """
    program, *arguments = command.arguments
    if program in _READERS:
        _READERS[program](arguments, whole)
        return []
    if program == "torchrun":
        program, arguments = "gsv-pipeline", _launched(arguments)
    try:
        return _read(_program(program), arguments)
    except click.MissingParameter:
        if whole:
            raise
        return []


def _launched(arguments: Sequence[str]) -> list[str]:
    from torch.distributed.run import get_args_parser

    launched = get_args_parser().parse_args(arguments)
    assert launched.module
    assert launched.training_script == "gsv_pipeline.cli"
    return list(launched.training_script_args)


def _read_dvc(arguments: Sequence[str], whole: bool) -> None:
    from dvc.cli import DvcParserError, parse_args

    said = io.StringIO()
    for missing in range(1 if whole else _MOST_LEFT_OUT + 1):
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(DvcParserError):
            parse_args([*arguments, *["any"] * missing])
            return
    raise ValueError(f"dvc {shlex.join(arguments)}: {said.getvalue().splitlines()[-1]}")


def _read_make(arguments: Sequence[str], whole: bool) -> None:
    """By make itself, which prints what it would do; whatever is to be installed counts as being there."""
    del whole
    there = [word for name in ("python", ".run", ".dev") for word in ("-o", f"{sys.prefix}/{name}")]
    command = ["make", "-n", "-C", DOCS.parent, *there, f"VENV={sys.prefix}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)


def _read_python(arguments: Sequence[str], whole: bool) -> None:
    del whole
    is_there = (
        importlib.util.find_spec(arguments[1]) if arguments[0] == "-m" else (DOCS.parent / arguments[0]).is_file()
    )
    if not is_there:
        raise ValueError(f"python {shlex.join(arguments)}: there is no such module or file")


_READERS: Final = {"dvc": _read_dvc, "make": _read_make, "python": _read_python}


def _program(name: str) -> click.Command:
    """The command line of a program that pages start."""
    if name == "gsv-pipeline":
        return cli
    if name == "dagster":
        return importlib.import_module("dagster._cli").cli
    assert name == "dagster-webserver", f"no test knows the command line of '{name}'"
    return importlib.import_module("dagster_webserver.cli").dagster_webserver


def _read(at: click.Command, arguments: Sequence[str], parent: click.Context | None = None) -> list[click.Context]:
    """The context of the innermost command; none where it prints its help."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            context = at.make_context(at.name, list(arguments), parent=parent)
    except click.exceptions.Exit:  # --help
        return []
    if not isinstance(at, click.Group):
        return [context]
    _, inner, rest = at.resolve_command(context, [*context._protected_args, *context.args])
    assert inner is not None
    return _read(inner, rest, context)
