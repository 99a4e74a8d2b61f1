"""`gsv-pipeline <stage>`: the stages for a shell. The only room that prints."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import click

from gsv_pipeline import __version__
from gsv_pipeline.cli.data_commands import data
from gsv_pipeline.cli.export_command import export
from gsv_pipeline.cli.look_commands import LOOK_COMMANDS
from gsv_pipeline.cli.stage_commands import STAGE_COMMANDS
from gsv_pipeline.errors import GsvError, InputError, StoppedError
from gsv_pipeline.layout import DATA_ROOT_VARIABLE, Layout

EXIT_INPUT: Final = 2
EXIT_RUN: Final = 1
EXIT_STOPPED: Final = 143


class _InOrder(click.Group):
    """Lists its commands in the order of the pipeline."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names as they were added."""
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
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


for _command in (*STAGE_COMMANDS, *LOOK_COMMANDS, export, data):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: runs a command and turns failures into one message and an exit code."""
    signal.signal(signal.SIGTERM, _stop)
    # Before torch is imported: threads that wait sleep instead of spinning; on busy cores that is several times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 success, 2 bad input, 1 run-time failure, 143 stopped."""
    try:
        cli(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except (KeyboardInterrupt, click.Abort, StoppedError):
        click.echo("Stopped. What was finished is kept; run the same command again to go on.", err=True)
        return EXIT_STOPPED
    except GsvError as error:
        click.echo(f"Error: {error}", err=True)
        return EXIT_INPUT if isinstance(error, InputError) else EXIT_RUN
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise StoppedError("stopped by SIGTERM")
