"""What `tests.perf.gpu` runs: JPEGs made on the spot, training steps fed in two ways, and what a device can do."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gsv_pipeline.hardware import choose_precision
from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.training.augmentation import RandAugment
from gsv_pipeline.training.compile import compile_or_warn
from gsv_pipeline.training.losses import build_objective
from gsv_pipeline.training.pixels import Pixels, Uploads
from gsv_pipeline.training.step import TrainingStep
from tests.trackers import Heard

FROZEN: Final = 2  # stem, layer1 and layer2, as in the published recipe
_SEED: Final = 1

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Args:
        backbone: Its name; Conv-AP 1024x2x2 follows.
        side: Of the images, in pixels.
        places_per_batch: P.
        images_per_place: K.
        num_files: JPEGs.
        warm_up: Steps before the clock starts.
        steps: Steps on the clock.
        matrix: Side of the product that measures arithmetic.
        copied_mb: Copied to measure memory.
    """

    backbone: str = "resnet50"
    side: int = 320
    places_per_batch: int = 100
    images_per_place: int = 4
    num_files: int = 4000
    warm_up: int = 10
    steps: int = 40
    matrix: int = 8192
    copied_mb: int = 2048

    @property
    def batch(self) -> int:
        """Images of a batch."""
        return self.places_per_batch * self.images_per_place


QUICK: Final = Size(
    backbone="resnet18",
    side=64,
    places_per_batch=4,
    images_per_place=2,
    num_files=32,
    warm_up=1,
    steps=3,
    matrix=256,
    copied_mb=8,
)


class Resident(Uploads):
    """Images that lie on the device already; only labels and the like still go there."""

    def __init__(self, device: torch.device, images: Images) -> None:
        super().__init__(device)
        self._images = torch.from_numpy(images).to(device)

    def __call__(self, values: Tensor) -> Tensor:
        """`values`, or the resident images in their place."""
        return self._images if values.ndim == 4 else super().__call__(values)


def write_jpegs(folder: Path, count: int) -> list[Path]:
    """Street-like files of 400 x 300 px, about 44 kB each, as the published ones are on average."""
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_write_jpeg, paths, range(count)))
    return paths


def _write_jpeg(path: Path, number: int) -> None:
    generator = np.random.default_rng(number)
    coarse = Image.fromarray(generator.integers(0, 235, (15, 20, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((400, 300), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = generator.integers(-17, 18, smooth.shape, dtype=np.int16)
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(path, quality=88)


def batches(size: Size) -> Iterator[PlaceBatch]:
    """Batches without end, over the files again and again."""
    generator = np.random.default_rng(_SEED)
    labels = np.repeat(np.arange(size.places_per_batch), size.images_per_place)
    while True:
        rows = generator.choice(size.num_files, size.batch, replace=size.num_files < size.batch)
        yield PlaceBatch(rows.astype(np.int64), labels, np.zeros(size.batch, dtype=np.bool_))


def build_step(size: Size, device: str, *, compiled: bool = False, micro_batch: int | None = None) -> TrainingStep:
    """A training step of the published recipe; raises what `torch.compile` could not do."""
    fabric = Fabric(accelerator=device, devices=1, precision=choose_precision("auto", device))  # type: ignore[arg-type]
    model = build_model(
        backbone=size.backbone,
        backbone_args={"weights": "none"},
        aggregator="convap",
        aggregator_args={"out_channels": 1024},
        seed=_SEED,
    )
    model.backbone._freeze(FROZEN)  # type: ignore[operator]
    model = model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    told = Heard()
    if compiled:
        compile_or_warn(model, told)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    wrapped, optimizer = fabric.setup(model, torch.optim.AdamW(learned, lr=2e-4, weight_decay=0.0, fused=True))
    return TrainingStep(
        fabric,
        wrapped,
        optimizer=optimizer,
        objective=build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={}),
        augmentation=RandAugment(),
        seed=_SEED,
        num_rows=size.num_files,
        images_per_place=size.images_per_place,
        micro_batch=micro_batch,
        plain=False,
        tracker=told,
    )


def make_resident(step: TrainingStep, size: Size) -> Images:
    """Give a step random images that stay on the device; augmentation is still part of it."""
    images = np.random.default_rng(0).integers(0, 256, (size.batch, size.side, size.side, 3), dtype=np.uint8)
    upload = Resident(step._fabric.device, images)
    step._pixels = Pixels(RandAugment(), upload=upload, seed=_SEED, num_rows=size.num_files)
    return images


def images_per_second(step: TrainingStep, fed: Iterator[tuple[PlaceBatch, Images]], *, size: Size) -> float:
    """Rate over `size.steps` steps; the host waits before and after, and never between."""
    device = step._fabric.device
    for number in range(size.warm_up):
        _take(step, fed, number)
    wait(device)
    started = time.perf_counter()
    for number in range(size.warm_up, size.warm_up + size.steps):
        _take(step, fed, number)
    wait(device)
    return size.batch * size.steps / (time.perf_counter() - started)


def _take(step: TrainingStep, fed: Iterator[tuple[PlaceBatch, Images]], number: int) -> None:
    batch, images = next(fed)
    step(batch, images, epoch=0, step=number)


def flops_per_image(step: TrainingStep, size: Size) -> float:
    """Of the network forward and backward, two for each multiply-add."""
    pixels = torch.zeros(1, 3, size.side, size.side, device=step._fabric.device)
    with FlopCounterMode(display=False) as counter:
        step._fabric.backward(step._gradients._model(pixels).sum())
    return float(counter.get_total_flops())


def arithmetic_rate(device: torch.device, size: Size) -> float:
    """Flop per second of a large bf16 product: what the device can do at best."""
    one, other = (torch.randn(size.matrix, size.matrix, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2.0 * size.matrix**3 / _seconds(lambda: one @ other, device)


def copy_rate(device: torch.device, size: Size) -> float:
    """Bytes per second, read and written, of a large copy."""
    source = torch.empty(size.copied_mb * 2**20, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2.0 * source.numel() / _seconds(lambda: target.copy_(source), device)


def wait(device: torch.device) -> None:
    """Until everything queued there is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(work: Callable[[], Any], device: torch.device, *, rounds: int = 20) -> float:
    for _ in range(3):
        work()
    wait(device)
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    wait(device)
    return (time.perf_counter() - started) / rounds
