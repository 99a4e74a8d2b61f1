"""Image files, those of a benchmark among them -> descriptors in a file, by the one writer that every artifact uses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gsv_pipeline import recipes
from gsv_pipeline.config import Experiment, ImageInput
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.hardware import choose_device
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.embeddings.work import Extraction
    from gsv_pipeline.images import ImageReader


def describe_files(
    paths: Sequence[Path],
    *,
    name: str,
    model: "Callable[[], nn.Module]",
    image: ImageInput,
    folder: Path,
    options: ExtractionOptions,
    tracker: Tracker,
    description: str,
) -> "Extraction":
    """Describe this process's share of `paths` into `folder`, as far as that is not done.

    Args:
        paths: N image files.
        name: Of the file that is written.
        model: Loads it; called only where something is left to describe.
        image: Input size.
        folder: Where the work lies, from interruption to interruption.
        options: How to describe.
        tracker: Shows a bar.
        description: What it says.

    Raises:
        DataError: An image that cannot be read, unless `options.skip_broken`.
        RunError: Descriptors that are not finite, or zero.
    """
    from gsv_pipeline.embeddings.extract import batch_size_for, extract
    from gsv_pipeline.embeddings.work import Extraction

    reader = image_reader(paths, image)
    size = options.batch_size or batch_size_for(choose_device(), reader)
    work = Extraction(folder, name, rows=len(reader), batch_size=size, shard=options.shard)
    extract(model, reader, work, options=options, tracker=tracker, description=description)
    return work


def describe_side(
    layout: Layout,
    benchmark: str,
    *,
    model: "Callable[[], nn.Module]",
    image: ImageInput,
    side: str,
    folder: Path,
    options: ExtractionOptions,
    tracker: Tracker,
    experiment: Experiment | None = None,
) -> "Extraction":
    """Describe this process's share of the `database` or the `queries` of a benchmark as `experiment` sees it.

    Args:
        layout: Where things live.
        benchmark: Its name.
        model: Loads it; called only where something is left to describe.
        image: Input size.
        side: `database` or `queries`.
        folder: Where the descriptors grow, and are found again after an interruption.
        options: How to describe.
        tracker: Shows a bar.
        experiment: On whose images; None: on all of the benchmark.
    """
    return describe_files(
        benchmark_paths(layout, benchmark, experiment)[side],
        name=side,
        model=model,
        image=image,
        folder=folder,
        options=options,
        tracker=tracker,
        description=f"Describing {benchmark} {side}",
    )


def benchmark_paths(layout: Layout, benchmark: str, experiment: Experiment | None = None) -> dict[str, list[Path]]:
    """Image files of both sides, in order; of those that `experiment` is scored on, or of all."""
    from gsv_pipeline.benchmarks.data import load_benchmark
    from gsv_pipeline.benchmarks.images import paths_of
    from gsv_pipeline.benchmarks.seen import benchmark_of

    data = benchmark_of(layout, experiment, benchmark) if experiment else load_benchmark(layout.benchmark(benchmark))
    return paths_of(layout, recipes.benchmark_row(layout, benchmark), data)


def image_reader(
    paths: Sequence[Path], image: ImageInput, *, plain: bool = False, processors: int | None = None
) -> "ImageReader":
    """Reads `paths` at the size that the experiment asks for; `plain` as the reference does."""
    from gsv_pipeline.images import ImageReader

    return ImageReader(
        paths,
        height=image.height,
        width=image.width,
        interpolation=image.interpolation,
        processors=processors,
        plain=plain,
    )
