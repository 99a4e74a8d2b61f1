"""Image files -> descriptors in a file, by the one writer that every artifact uses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gsv_pipeline.config import ImageInput
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.hardware import choose_device
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.embeddings.work import Extraction


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
    from gsv_pipeline.images import ImageReader

    reader = ImageReader(paths, height=image.height, width=image.width, interpolation=image.interpolation)
    size = options.batch_size or batch_size_for(choose_device(), reader)
    work = Extraction(folder, name, rows=len(reader), batch_size=size, shard=options.shard)
    extract(model, reader, work, options=options, tracker=tracker, description=description)
    return work
