"""Images of a benchmark that a validation of every epoch reads: decoded once, in memory or on disk."""

from typing import TYPE_CHECKING

from gsv_pipeline import locks
from gsv_pipeline.config import ImageInput
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.images import ImageReader
    from gsv_pipeline.training.processes import Processes


def keep_decoded(
    layout: Layout,
    benchmark: str,
    reader: "ImageReader",
    *,
    image: ImageInput,
    plain: bool,
    processes: "Processes",
    tracker: Tracker,
) -> None:
    """Decode the images of `reader` where they can be kept; where they cannot, they are decoded in each validation.

    Args:
        layout: Where the file lies if they do not fit in memory.
        benchmark: Whose images they are.
        reader: Of those that this process describes.
        image: Their size, in the name of the file.
        plain: Whether Pillow decodes them, in the name of the file.
        processes: Those that train together; each has a file of its own.
        tracker: Shows a bar.

    Raises:
        DataError: A damaged image.
    """
    description = f"Decoding {benchmark}"
    if not len(reader):
        return
    if reader.fits_in_memory:
        reader.decode_all(tracker, description)
        return
    share = f"-{processes.rank + 1}of{processes.size}" if processes.size > 1 else ""
    kind = f"{image.width}x{image.height}-{image.interpolation}{'-plain' if plain else ''}{share}"
    path = layout.decoded(benchmark, kind)
    with locks.hold(layout.lock(path), key=layout.key(path), tracker=tracker):
        reader.keep_on_disk(path, tracker=tracker, description=description)
