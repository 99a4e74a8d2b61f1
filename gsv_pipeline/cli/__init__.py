"""`gsv-pipeline <stage>`: the stages for a shell. The only room that prints."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click

from gsv_pipeline import __version__
from gsv_pipeline.cli.child import as_child
from gsv_pipeline.cli.data_commands import data
from gsv_pipeline.cli.decision_commands import DECISION_COMMANDS
from gsv_pipeline.cli.export_command import export
from gsv_pipeline.cli.look_commands import LOOK_COMMANDS
from gsv_pipeline.cli.stage_commands import STAGE_COMMANDS
from gsv_pipeline.cli.standing_commands import STANDING_COMMANDS
from gsv_pipeline.cli.track_commands import track
from gsv_pipeline.errors import GsvError, InputError, StoppedError
from gsv_pipeline.layout import DATA_ROOT_VARIABLE, Layout
from gsv_pipeline.training.processes import is_helper, is_one_of_several

EXIT_INPUT: Final = 2
EXIT_RUN: Final = 1
EXIT_SIGNAL: Final = 128
"""A shell's custom: 128 + n for signal n, so 143 for SIGTERM and 130 for Ctrl-C."""


class _InOrder(click.Group):
    """Lists its commands in the order of the pipeline."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names as they were added."""
        return list(self.commands)


class _Folder(click.Path):
    """A folder that is named: an empty variable of a shell must not mean the current one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; nothing is asked of it."""
        if not str(value).strip():
            self.fail(f"it is empty. Name a folder, or leave it out for {DATA_ROOT_VARIABLE} or data/.", param, ctx)
        return super().convert(value, param, ctx)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-root",
    type=_Folder(path_type=Path),
    help=f"Where artifacts live (default: {DATA_ROOT_VARIABLE}, else data/ of the repository).",
)
@click.version_option(__version__, prog_name="gsv-pipeline")
@click.pass_context
def cli(context: click.Context, data_root: Path | None) -> None:
    """From street photographs to visual place recognition recall reports.

    The stages in flow order: fetch, catalog, places, benchmark, train, embed, index, evaluate, leaderboard.
    Each one skips what is fresh. KEY=VALUE changes a setting of the experiment, for example training.epochs=3.
    """
    context.obj = Layout.find(data_root)
    if context.obj.root.is_file():
        raise click.UsageError(f"The data root {context.obj.root} is a file. Name a folder; it need not exist.")


for _command in (*STAGE_COMMANDS, *LOOK_COMMANDS, *DECISION_COMMANDS, *STANDING_COMMANDS, export, data, track):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: runs a command and turns failures into one message and an exit code."""
    signal.signal(signal.SIGTERM, _stop)
    # Before torch is imported: threads that wait sleep instead of spinning; on busy cores that is several times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    code = run(arguments)
    if is_one_of_several():
        # torchrun asks all to stop as soon as one has failed; this one has its own end already.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 success, 2 bad input, 1 run-time failure, 143 stopped, 130 Ctrl-C."""
    try:
        with as_child():
            cli(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except (KeyboardInterrupt, click.Abort, StoppedError) as error:
        _say("Stopped. What was finished is kept; run the same command again to go on.")
        return EXIT_SIGNAL + (error.number if isinstance(error, StoppedError) else signal.SIGINT)
    except GsvError as error:
        _say(f"Error: {error}")
        return EXIT_INPUT if isinstance(error, InputError) else EXIT_RUN
    return 0


def _say(text: str) -> None:
    """Of several processes the first one speaks: it raises what the others raise."""
    if not is_helper():
        click.echo(text, err=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise StoppedError("stopped by SIGTERM")
