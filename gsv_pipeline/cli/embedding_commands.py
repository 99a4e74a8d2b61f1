"""`gsv-pipeline embed` and `index`: descriptors of a benchmark, and indexes over them."""

from typing import Final

import click

from gsv_pipeline import stages
from gsv_pipeline.cli.child import command_tracker
from gsv_pipeline.cli.options import experiment_option, force_option, overrides_argument, show_result
from gsv_pipeline.config import load_experiment
from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.index import FLAT, INDEXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.training.processes import is_helper

PRECISIONS: Final = (PRECISION, "bf16-mixed", "16-mixed", "auto")

_EMBED_HELP: Final = """Describe a benchmark's images with an experiment's checkpoint; an interrupted run goes on.

\b
gsv-pipeline embed demo_test -e demo                     describe both sides
gsv-pipeline embed demo_test -e demo --precision auto    in what this machine is fast in
torchrun --nproc-per-node 2 -m gsv_pipeline.cli embed demo_test -e demo
                                                         the same by two GPUs, or two processes
"""


@click.command(help=_EMBED_HELP)
@click.argument("benchmark")
@experiment_option
@overrides_argument
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=PRECISION,
    show_default=True,
    help="Stated recalls are in float32; auto is bf16 where the device has it.",
)
@click.option("--skip-broken", is_flag=True, help="Go on over images that cannot be read; the report says which.")
@click.option("--batch-size", type=click.IntRange(1), help="Images at once (default: for the device).")
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=None,
    help="torch.compile the model (default: on a GPU, for more than 1,000 images).",
)
@force_option
@click.pass_obj
def embed(
    layout: Layout,
    benchmark: str,
    experiment: str,
    overrides: tuple[str, ...],
    precision: str,
    skip_broken: bool,
    batch_size: int | None,
    compiled: bool | None,
    force: bool,
) -> None:
    """Embed; `_EMBED_HELP` is what people read."""
    chosen = load_experiment(layout, experiment, overrides)
    options = ExtractionOptions(precision, skip_broken, batch_size, compiled)
    result = stages.embed(layout, chosen, benchmark, tracker=command_tracker(), options=options, force=force)
    if not is_helper():
        show_result(result)


@click.command()
@click.argument("benchmark")
@experiment_option
@overrides_argument
@click.option(
    "--kind",
    type=click.Choice(list(INDEXES)),
    default=FLAT,
    show_default=True,
    help="; ".join(f"{kind}: {row.description}" for kind, row in INDEXES.items()),
)
@force_option
@click.pass_obj
def index(layout: Layout, benchmark: str, experiment: str, overrides: tuple[str, ...], kind: str, force: bool) -> None:
    """Build a FAISS index over a benchmark's database.

    Benchmarks use the flat one, which is exact. `gsv-pipeline index-report` compares the others with it.
    """
    chosen = load_experiment(layout, experiment, overrides)
    show_result(stages.build_index(layout, chosen, benchmark, tracker=command_tracker(), kind=kind, force=force))


@click.command()
@click.argument("experiment")
@click.argument("benchmark")
@overrides_argument
@click.option(
    "--sample",
    type=click.IntRange(2),
    default=stages.PCA_SAMPLE,
    show_default=True,
    help="Training images to fit the components on, one of each place first.",
)
@force_option
@click.pass_obj
def pca(layout: Layout, experiment: str, benchmark: str, overrides: tuple[str, ...], sample: int, force: bool) -> None:
    """Shorten an experiment's descriptors, and see what that costs on a BENCHMARK.

    Principal components with whitening, fitted on training images alone; the report shows recall against dimension.
    """
    chosen = load_experiment(layout, experiment, overrides)
    show_result(stages.fit_pca(layout, chosen, tracker=command_tracker(), sample=sample, force=force))
    show_result(stages.report_pca(layout, chosen, benchmark, tracker=command_tracker(), force=force))
