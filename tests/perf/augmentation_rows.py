"""What is measured about RandAugment: three operations at magnitude 9 on 320 px images, one thread, an image.

Baselines: Pillow images through torchvision's RandAugment, which is the reference's loader, and torchvision's tensor
operations one image after the other, which is `plain`.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from gsv_pipeline.hardware import torch_threads
from gsv_pipeline.training.augmentation import RandAugment, image_seeds
from gsv_pipeline.training.augmentation.device_batch import apply_on_device
from gsv_pipeline.training.augmentation.plain_ops import apply_plain
from gsv_pipeline.training.augmentation.plan import draw_plan
from tests.perf.measure import Row, in_turn

NUM_IMAGES: Final = 256  # many draws, so that no operation is rare
SIDE: Final = 320


def augment_tables() -> Row:
    """The CPU version in place in the loader's buffer, as the images come out of the decoder."""
    note = "Pillow RandAugment(3, bilinear); height × width × 3 in place"
    return _against_pillow("augment_tables", _images(), goal=2.3, note=note)


def augment_planes() -> Row:
    """The same on images whose colours lie one after the other, which saves taking them apart."""
    note = "as augment_tables; 3 × height × width in place"
    return _against_pillow("augment_planes", _images().contiguous(), goal=2.8, note=note)


def augment_plain() -> Row:
    """The CPU version against the plain one, both to a new float batch."""
    images, seeds = _images(), image_seeds(1, 0, np.arange(NUM_IMAGES))
    with torch_threads(1):
        times = in_turn(
            lambda: RandAugment().augment(images, seeds, plain=True) / 255.0,
            lambda: RandAugment().augment(images, seeds) / 255.0,
            rounds=3,
        )
    return _row("augment_plain", times, goal=1.2, note="plain=true, torchvision's tensor operations; float32 out")


def augment_device() -> Row:
    """The accelerator's version on a CPU: not meant for it, but it should not be a trap either."""
    images, seeds = _images().contiguous(), image_seeds(1, 0, np.arange(NUM_IMAGES))
    plan = draw_plan(seeds, num_ops=3, magnitude=9, height=SIDE, width=SIDE)
    with torch_threads(1):
        times = in_turn(lambda: apply_plain(images, plan), lambda: apply_on_device(images, plan), rounds=3)
    return _row("augment_device", times, goal=0.4, note="plain=true; the accelerator's operations run on a CPU")


AUGMENTATION_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "augment_tables": augment_tables,
    "augment_planes": augment_planes,
    "augment_plain": augment_plain,
    "augment_device": augment_device,
}


def _against_pillow(name: str, images: Tensor, *, goal: float, note: str) -> Row:
    pillow = [Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()) for image in images]
    reference = v2.RandAugment(3, interpolation=InterpolationMode.BILINEAR)
    augmentation, epochs, buffer = RandAugment(), itertools.count(), images[:1].clone()

    def one_by_one() -> None:
        seeds = image_seeds(1, next(epochs), np.arange(NUM_IMAGES))
        for row in range(NUM_IMAGES):
            buffer.copy_(images[row : row + 1])  # as a decoder leaves it: in the cache
            augmentation.augment(buffer, seeds[row : row + 1], out=buffer)

    with torch_threads(1):
        times = in_turn(lambda: [reference(image) for image in pillow], one_by_one, rounds=5)
    return _row(name, times, goal=goal, note=note)


def _row(name: str, times: tuple[float, float], *, goal: float, note: str) -> Row:
    baseline, ours = (seconds / NUM_IMAGES * 1000 for seconds in times)
    return Row(name, baseline, ours, "ms", goal, note)


def _images() -> Tensor:
    """Smooth scenes with grain; [B, 3, H, W] uint8 in channels-last memory."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(NUM_IMAGES, 3, 20, 20, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear") * 235
    grain = torch.randint(0, 20, smooth.shape, dtype=torch.uint8, generator=generator)
    return (smooth.to(torch.uint8) + grain).contiguous(memory_format=torch.channels_last)
