"""`gsv-pipeline export`: a model for use elsewhere."""

from pathlib import Path

import click

from gsv_pipeline import exports
from gsv_pipeline.cli.options import force_option, overrides_argument, show_result
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking.console import ConsoleTracker


@click.command()
@click.argument("experiment")
@overrides_argument
@click.option("--no-onnx", is_flag=True, help="Weights, config and card only.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="A new folder to copy the files to (default: the artifact)."
)
@force_option
@click.pass_obj
def export(
    layout: Layout, experiment: str, overrides: tuple[str, ...], no_onnx: bool, output: Path | None, force: bool
) -> None:
    """Write EXPERIMENT's model for use elsewhere: safetensors, config, ONNX and a model card.

    ONNX Runtime computes descriptors of the written file and they are compared with torch's. The card states the
    recalls of the reports that are up to date, the licences of weights and images, and how to use the model.
    """
    chosen = load_experiment(layout, experiment, overrides)
    tracker = ConsoleTracker()
    show_result(
        exports.export_model(layout, chosen, tracker=tracker, with_onnx=not no_onnx, output=output, force=force)
    )
