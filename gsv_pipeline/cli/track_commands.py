"""`gsv-pipeline track …`: what was logged without a network."""

import click

from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking.console import ConsoleTracker
from gsv_pipeline.tracking.wandb_sync import sync as send


@click.group()
def track() -> None:
    """Runs on Weights & Biases.

    Without a key, or without a network, runs are logged offline under the data root.
    """


@track.command()
@click.pass_obj
def sync(layout: Layout) -> None:
    """Send the runs that were logged offline; a second call sends nothing.

    The parts of a resumed run become one run.
    """
    sent = send(layout.wandb(), tracker=ConsoleTracker())
    names = dict.fromkeys(run.run_id for run in sent)
    click.echo(f"Sent: {', '.join(names)}" if names else f"Nothing to send in {layout.wandb()}.")
