"""What is measured about reading images: 320 px from JPEGs of 400 × 300 in the page cache, two workers or threads.

The baselines do what the reference does: Pillow opens, torchvision's first transforms resize, augment and normalise,
two DataLoader processes collate float32. The look-up of a place in a data frame is left out of them. Rows state the
time of all processors for an image, which neighbours on the machine change least; notes say how long it took.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gsv_pipeline.images import ImageReader, read_resized
from gsv_pipeline.images.processes import ProcessPixels
from gsv_pipeline.models.normalise import IMAGENET_MEAN, IMAGENET_STD, to_channels_first
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.augmentation import AUGMENTATIONS, RandAugment, Seeds, image_seeds
from tests.perf.catalog_rows import BENCH
from tests.perf.full_size import HEIGHT, WIDTH, rendered_jpegs
from tests.perf.measure import Row

SIDE: Final = 320
WORKERS: Final = 2
PLACES, IMAGES_PER_PLACE = 100, 4  # of a batch
TRAINING_BATCH: Final = PLACES * IMAGES_PER_PLACE
BATCHES: Final = 4
EVALUATION_BATCH: Final = 100
NUM_IMAGES: Final = BATCHES * TRAINING_BATCH
PASSES: Final = 4  # of ours: its buffers are new to the machine in the first batches, and an epoch has 600
ROUNDS: Final = 3
PARITY_IMAGES: Final = 200
_PIECES: Final = 50  # of a batch: 8 images


@dataclass(frozen=True, slots=True)
class _Cost:
    """Milliseconds of an image."""

    wall: float
    cpu: float


def load_for_device() -> Row:
    """Training batches whose augmentation is left to the device: uint8 against augmented, normalised float32."""
    note = "reference loader with RandAugment(3), 2 processes, 100 places × 4"
    reader = _reader()
    return _row("loader_train", _training_loader(), lambda: _read_all(reader), goal=5.0, note=note)


def load_and_augment() -> Row:
    """Training batches that are augmented on the CPU by the table version, in place, by as many threads as read."""
    augmentation = AUGMENTATIONS.build("randaugment", num_ops=3, magnitude=9)
    assert isinstance(augmentation, RandAugment)
    reader = _reader()

    def augment(images: npt.NDArray[np.uint8], seeds: Seeds) -> None:
        pixels = to_channels_first(torch.from_numpy(images))
        augmentation.augment(pixels, seeds, out=pixels)

    def ours() -> int:
        seen = 0
        with ThreadPoolExecutor(WORKERS) as pool:
            for images in reader.batches(_batches(TRAINING_BATCH)):
                seeds = image_seeds(1, seen, np.arange(len(images)))
                list(pool.map(augment, np.array_split(images, _PIECES), np.array_split(seeds, _PIECES)))
                seen += len(images)
        return seen

    return _row("loader_augmented", _training_loader(), ours, goal=2.8, note="as loader_train; augmented on the CPU")


def load_for_evaluation() -> Row:
    """Evaluation batches, decoded as they come."""
    note = "reference loader, 2 processes, no augmentation"
    reader = _reader()
    return _row("loader_evaluate", _evaluation_loader(), lambda: _read_all(reader, 100), goal=2.9, note=note)


def load_from_store() -> Row:
    """Evaluation batches from the store on disk, as in the second validation of a training."""
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        reader = _reader()
        assert reader.keep_on_disk(Path(folder) / "images", tracker=NullTracker(), description="")
        note = "as loader_evaluate; ours from the uint8 store"
        return _row("loader_stored", _evaluation_loader(), lambda: _read_all(reader, 100), goal=6.0, note=note)


def share_of_decoding() -> Row:
    """How much of a CPU-second of the reader is decoding, one thread against the bare decoder."""
    files = [path.read_bytes() for path in _paths()]

    def decode() -> int:
        return len([simplejpeg.decode_jpeg(data, "RGB", strict=True).shape for data in files])

    reader = _reader(threads=1)
    costs = _in_turn(decode, lambda: _read_all(reader))
    return Row("decode_share", costs[0].cpu, costs[1].cpu, "ms", 0.4, "bare decoder; CPU of an image")


def read_in_processes() -> Row:
    """Two threads against two worker processes that write into shared memory."""
    threads, processes = _reader(), _reader()
    source = ProcessPixels(processes._files, WORKERS)
    processes._chosen = (source, WORKERS)
    note = "our reader with 2 processes; taken only where threads do not scale"
    try:
        costs = _in_turn(lambda: _read_all(processes), lambda: _read_all(threads))
    finally:
        source.close()
    return Row("loader_processes", costs[0].wall, costs[1].wall, "ms", 0.9, f"{note}; wall, an image")


def compare_pixels() -> Row:
    """Mean difference to Pillow's pixels in grey levels; a larger one than 1 anywhere fails."""
    paths = _paths()[:PARITY_IMAGES]
    found = ImageReader(paths, height=SIDE, width=SIDE).batch(range(len(paths))).astype(np.int16)
    reference = np.stack([read_resized(path, height=SIDE, width=SIDE) for path in paths])
    difference = np.abs(found - reference)
    assert difference.max() <= 1, f"a value is {difference.max()} levels off Pillow's"
    note = f"limit 0.05 levels on average; largest {difference.max()}; {len(paths)} images"
    return Row("pixel_parity", 0.05, max(float(difference.mean()), 1e-6), "lv", 1.0, note)


LOADER_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "loader_train": load_for_device,
    "loader_augmented": load_and_augment,
    "loader_evaluate": load_for_evaluation,
    "loader_stored": load_from_store,
    "decode_share": share_of_decoding,
    "loader_processes": read_in_processes,
    "pixel_parity": compare_pixels,
}


class _ReferenceImages(Dataset[Tensor]):
    """Places of K images as the reference's data set gives them, or single images with K = 1."""

    def __init__(self, paths: Sequence[Path], *, images_per_place: int, augments: bool) -> None:
        self._paths, self._per_place = paths, images_per_place
        augment = [transforms.RandAugment(num_ops=3, interpolation=transforms.InterpolationMode.BILINEAR)]
        self._transform = transforms.Compose(
            [
                transforms.Resize((SIDE, SIDE), interpolation=transforms.InterpolationMode.BILINEAR),
                *(augment if augments else []),
                transforms.ToTensor(),
                transforms.Normalize(mean=IMAGENET_MEAN, std=IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths) // self._per_place

    def __getitem__(self, place: int) -> Tensor:
        paths = self._paths[place * self._per_place : (place + 1) * self._per_place]
        return torch.stack([self._transform(Image.open(path).convert("RGB")) for path in paths])


def _training_loader() -> Callable[[], int]:
    images = _ReferenceImages(_paths(), images_per_place=IMAGES_PER_PLACE, augments=True)
    return lambda: _exhaust(DataLoader(images, batch_size=PLACES, num_workers=WORKERS))


def _evaluation_loader() -> Callable[[], int]:
    images = _ReferenceImages(_paths(), images_per_place=1, augments=False)
    return lambda: _exhaust(DataLoader(images, batch_size=EVALUATION_BATCH, num_workers=WORKERS))


def _reader(threads: int = WORKERS) -> ImageReader:
    return ImageReader(_paths(), height=SIDE, width=SIDE, threads=threads)


def _read_all(reader: ImageReader, batch: int = TRAINING_BATCH) -> int:
    return _exhaust(reader.batches(_batches(batch)))


def _exhaust(batches: Any) -> int:
    """How many images there are."""
    return sum(len(batch.reshape(-1, 3 * SIDE * SIDE)) for batch in batches)


def _batches(size: int) -> Iterator[range]:
    return (range(first, first + size) for _ in range(PASSES) for first in range(0, NUM_IMAGES, size))


def _paths() -> list[Path]:
    paths = rendered_jpegs(BENCH / "jpegs")[:NUM_IMAGES]
    with Image.open(paths[-1]) as image:
        assert image.size == (WIDTH, HEIGHT)
    return paths


def _row(name: str, baseline: Callable[[], int], ours: Callable[[], int], *, goal: float, note: str) -> Row:
    before, after = _in_turn(baseline, ours)
    wall = f"wall {before.wall:.2f} and {after.wall:.2f} ms, {before.wall / after.wall:.1f} ×"
    return Row(name, before.cpu, after.cpu, "ms", goal, f"{note}; CPU of an image; {wall}")


def _in_turn(baseline: Callable[[], int], ours: Callable[[], int]) -> tuple[_Cost, _Cost]:
    """As `measure.in_turn` for work that returns how many images it read, with the time of all its processors."""
    kept: tuple[list[_Cost], list[_Cost]] = ([], [])
    for number in range(ROUNDS + 1):
        for costs, work in zip(kept, (baseline, ours), strict=True):
            started = time.perf_counter(), _cpu_seconds()
            images = work()
            ended = time.perf_counter(), _cpu_seconds()
            if number:
                costs.append(_Cost(*(1000 * (end - start) / images for start, end in zip(started, ended, strict=True))))
    return _median(kept[0]), _median(kept[1])


def _median(costs: Sequence[_Cost]) -> _Cost:
    return _Cost(*(float(np.median([getattr(cost, name) for cost in costs])) for name in ("wall", "cpu")))


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
