"""How many images at once, and reading them so that a broken one does not end a run that may go on."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import DataError
from gsv_pipeline.images import ImageReader

CPU_IMAGES_PER_THREAD: Final = 8
"""More do not make convolutions faster, and their feature maps leave the cache (PERFORMANCE 6 was measured with 8)."""

CPU_LIMITS: Final = (8, 64)
GPU_LIMITS: Final = (8, 512)

BYTES_PER_PIXEL: Final = 400
"""What an image takes on its way through a network, per pixel of it: twice what ResNet50's widest maps hold in
float32, so that other networks fit too. One that does not is described in smaller pieces."""

Images = npt.NDArray[np.uint8]


def choose_batch_size(device: str, *, height: int, width: int) -> int:
    """Images at once: so many for each thread of a CPU, or a power of two that fills half of a GPU's free memory."""
    import torch

    if device == "cpu":
        least, most = CPU_LIMITS
        return min(max(CPU_IMAGES_PER_THREAD * torch.get_num_threads(), least), most)
    least, most = GPU_LIMITS
    free, _ = torch.cuda.mem_get_info()
    room = max(int(free / 2 / (BYTES_PER_PIXEL * height * width)), 1)
    return min(max(1 << (room.bit_length() - 1), least), most)


def read_batches(
    reader: ImageReader, batches: Sequence[range], *, skip_broken: bool
) -> Iterator[tuple[Images, dict[int, str]]]:
    """Batches of images in order, read ahead, each with what was wrong with its broken ones.

    Args:
        reader: Of all images.
        batches: Rows of each batch.
        skip_broken: Go on over images that cannot be read.

    Yields:
        [len(batch), H, W, 3] uint8, valid until the next one is asked for, and row -> problem. In the place of a
        broken image stands another one of the batch, or nothing but black where all are broken.

    Raises:
        DataError: An image that cannot be read, unless they are skipped.
    """
    left = list(batches)
    while left:
        stream = reader.batches(tuple(left))
        while left:
            try:
                images = next(stream)
            except DataError:
                if not skip_broken:
                    raise
                yield _one_by_one(reader, left.pop(0))
                break  # the stream ended with its error: another one reads the rest
            left.pop(0)
            yield images, {}


def _one_by_one(reader: ImageReader, batch: range) -> tuple[Images, dict[int, str]]:
    images, problems = np.zeros((len(batch), *reader.shape), dtype=np.uint8), {}
    for place, row in enumerate(batch):
        try:
            images[place] = reader.batch([row])[0]
        except DataError as error:
            problems[row] = str(error)
    sound = [place for place, row in enumerate(batch) if row not in problems]
    for row in problems:
        if sound:
            images[row - batch.start] = images[sound[0]]
    return images, problems
