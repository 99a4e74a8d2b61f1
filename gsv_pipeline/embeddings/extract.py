"""Images through a model, batch by batch: into memory for a few, into a file for any number."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.batches import choose_batch_size, read_batches
from gsv_pipeline.embeddings.describer import COMPILE_PAYS_FROM, Describer
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.store import check_batch
from gsv_pipeline.embeddings.work import Extraction
from gsv_pipeline.errors import BrokenImageError, DataError
from gsv_pipeline.hardware import choose_device
from gsv_pipeline.images import ImageReader
from gsv_pipeline.tracking import Tracker

Float = npt.NDArray[np.float32]


def describe(
    model: nn.Module,
    reader: ImageReader,
    *,
    tracker: Tracker,
    description: str,
    precision: str = PRECISION,
    batch_size: int | None = None,
) -> Float:
    """Descriptors of every image of `reader`, in its order and in memory: for sets that are small.

    Args:
        model: `[B, 3, H, W] -> [B, D]`; a copy of it is used, in eval mode.
        reader: N images at the model's input size.
        tracker: Shows a bar.
        description: What the bar says.
        precision: See `hardware.choose_precision`.
        batch_size: Images at once; None: for the device.

    Returns:
        [N, D] float32, unit norm.

    Raises:
        DataError: A damaged image.
        RunError: Descriptors that are not finite, or zero.
    """
    describer = Describer(model, precision=precision, tracker=tracker)
    size = batch_size or batch_size_for(describer.device.type, reader)
    batches = [range(start, min(start + size, len(reader))) for start in range(0, len(reader), size)]
    with tracker.progress(description, total=len(reader)) as bar:
        parts = []
        for _, descriptors, _ in _described(describer, reader, batches, what=description, skip_broken=False):
            parts.append(descriptors)
            bar.advance(len(descriptors))
    return np.concatenate(parts)


def extract(
    load_model: Callable[[], nn.Module],
    reader: ImageReader,
    work: Extraction,
    *,
    options: ExtractionOptions,
    tracker: Tracker,
    description: str,
) -> None:
    """Descriptors of this process's share of the images into the file of `work`, as far as they are not there.

    Memory stays flat however many images there are. Interrupted, the same call goes on.

    Args:
        load_model: Called only where something is left to describe.
        reader: N images at the model's input size.
        work: What is done so far.
        options: How to describe.
        tracker: Shows a bar.
        description: What the bar says.

    Raises:
        DataError: An image that cannot be read, unless `options.skip_broken`.
        RunError: Descriptors that are not finite, or zero.
    """
    if not options.skip_broken:
        _refuse_broken(work)
    pending = work.pending()
    if not pending:
        return
    done = len(work.share) - sum(map(len, pending))
    if done:
        tracker.message(f"{description}: going on after {done:,} of {len(work.share):,} images")
    describer = _describer(load_model(), sum(map(len, pending)), work=work, options=options, tracker=tracker)
    try:
        with tracker.progress(description, total=len(work.share)) as bar:
            bar.advance(done)
            for batch, descriptors, problems in _described(
                describer, reader, pending, what=description, skip_broken=options.skip_broken
            ):
                work.write(batch, descriptors, problems)
                bar.advance(len(batch))
    except DataError as error:
        raise _explained(str(error), work) from error
    finally:
        work.close()


def batch_size_for(device: str, reader: ImageReader) -> int:
    """Images at once on `device`, for images of the reader's size."""
    height, width, _ = reader.shape
    return choose_batch_size(device, height=height, width=width)


def prepare(model: nn.Module) -> nn.Module:
    """Put a model on the best device, in the memory format that convolutions are fast in."""
    return model.to(choose_device(), memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _described(
    describer: Describer, reader: ImageReader, batches: Sequence[range], *, what: str, skip_broken: bool
) -> Iterator[tuple[range, Float, dict[int, str]]]:
    """Each batch's rows, descriptors (zero where an image is broken) and row -> problem."""
    read = read_batches(reader, batches, skip_broken=skip_broken)
    for batch, (images, problems) in zip(batches, read, strict=True):
        names = [str(reader.paths[row]) for row in batch]
        descriptors = describer(images, names)
        check_batch(descriptors, names, what=what)
        descriptors[[row - batch.start for row in problems]] = 0.0
        yield batch, descriptors, problems


def _describer(
    model: nn.Module, num_images: int, *, work: Extraction, options: ExtractionOptions, tracker: Tracker
) -> Describer:
    on_gpu = next(model.parameters()).is_cuda
    compiles = options.compiled if options.compiled is not None else on_gpu and num_images > COMPILE_PAYS_FROM
    pad_to = work.batch_size if compiles else None
    return Describer(model, precision=options.precision, tracker=tracker, pad_to=pad_to)


def _refuse_broken(work: Extraction) -> None:
    """What an earlier run was allowed to leave out, this one may not be."""
    broken = work.broken
    if broken:
        problem = next(iter(broken.values()))
        raise _explained(f"{len(broken)} of {work.rows:,} images have no descriptor. The first: {problem}", work)


def _explained(problem: str, work: Extraction) -> BrokenImageError:
    done = work.done_rows - len(work.broken)
    return BrokenImageError(
        f"{problem} {done:,} of {work.rows:,} images are described and kept. Put the image right and run the same "
        "command to go on.",
        {"described": done, "images": work.rows},
    )
