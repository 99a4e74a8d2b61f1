"""RandAugment's two quick versions against torchvision's operations, and what an image's result may depend on."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from gsv_pipeline.errors import DataError
from gsv_pipeline.training.augmentation import AUGMENTATIONS, Augmentation, RandAugment, Seeds, image_seeds
from gsv_pipeline.training.augmentation.device_batch import apply_on_device
from gsv_pipeline.training.augmentation.plain_ops import apply_one, apply_plain
from gsv_pipeline.training.augmentation.plan import AFFINE, Operation, Plan, draw_plan, magnitude_of
from gsv_pipeline.training.augmentation.table_ops import apply_tables

HEIGHT, WIDTH = 60, 84
SIGNED = range(Operation.SHEAR_X, Operation.POSTERIZE)
EXACT = {
    Operation.IDENTITY,
    Operation.TRANSLATE_X,
    Operation.TRANSLATE_Y,
    Operation.BRIGHTNESS,
    Operation.POSTERIZE,
    Operation.SOLARIZE,
    Operation.AUTO_CONTRAST,
    Operation.EQUALIZE,
}
QUICK = pytest.mark.parametrize("apply", [apply_tables, apply_on_device])
Apply = Callable[[Tensor, Plan], Tensor]


def photographs(count: int = 6, *, channels_last: bool = False) -> Tensor:
    """Smooth scenes with grain, each with its own range of levels; one is a single grey, one black and white."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 5, 7, generator=generator) * 1.4 - 0.2
    smooth = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bilinear").clamp(0, 1)
    gain = torch.linspace(0.3, 0.92, count)[:, None, None, None]
    images = (smooth * 255 * gain + torch.rand(count, 3, HEIGHT, WIDTH, generator=generator) * 20).to(torch.uint8)
    images[-1] = 77
    images[-2] = (torch.rand(HEIGHT, WIDTH, generator=generator) > 0.5) * 255
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def single(operation: Operation, magnitude: float, count: int) -> Plan:
    return Plan(np.full((count, 1), int(operation)), np.full((count, 1), magnitude))


def strengths(operation: Operation) -> list[float]:
    found = {magnitude_of(operation, magnitude, height=HEIGHT, width=WIDTH) for magnitude in (0, 4, 9, 21, 30)}
    return sorted(found | {-value for value in found}) if operation in SIGNED else sorted(found)


def difference(first: Tensor, second: Tensor) -> Tensor:
    return (first.int() - second.int()).abs()


@QUICK
@pytest.mark.parametrize("operation", Operation, ids=lambda operation: operation.name)
def test_each_operation_is_torchvisions_within_one_level(operation: Operation, apply: Apply) -> None:
    images = photographs(channels_last=True)
    for strength in strengths(operation):
        plan = single(operation, strength, len(images))
        off = difference(apply(images, plan), apply_plain(images, plan))
        assert off.max() <= (0 if apply is apply_tables and operation in EXACT else 1), strength
        assert off.float().mean() < 0.1, strength


@QUICK
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (5, 2), (3, 3), (33, 7)])
def test_small_images_have_no_operation_that_fails(size: tuple[int, int], apply: Apply) -> None:
    images = torch.randint(0, 256, (3, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    for operation in Operation:
        magnitude = magnitude_of(operation, 30, height=size[0], width=size[1])
        plan = single(operation, magnitude, 3)
        assert difference(apply(images, plan), apply_plain(images, plan)).max() <= 1, operation


class _Drawn(v2.RandAugment):
    """Torchvision's RandAugment that draws what it is told."""

    chosen: str

    def _get_random_item(self, dct: dict[str, tuple[Callable[..., Tensor], bool]]) -> tuple[str, tuple[object, bool]]:
        return self.chosen, (dct[self.chosen][0], False)


@pytest.mark.parametrize("operation", Operation, ids=lambda operation: operation.name)
def test_plain_operations_are_those_of_torchvisions_randaugment(operation: Operation) -> None:
    transform = _Drawn(num_ops=1, magnitude=12, interpolation=InterpolationMode.BILINEAR)
    transform.chosen = list(v2.RandAugment._AUGMENTATION_SPACE)[operation]
    image = photographs()[0]
    magnitude = magnitude_of(operation, 12, height=HEIGHT, width=WIDTH)
    assert torch.equal(apply_one(image, operation, magnitude=magnitude), transform(image))


def test_one_warp_is_its_affine_operations_in_turn() -> None:
    smooth = torch.nn.functional.interpolate(
        torch.rand(400, 3, 4, 5, generator=torch.Generator().manual_seed(2)), (HEIGHT, WIDTH), mode="bicubic"
    )
    images = (smooth.clamp(0, 1) * 200 + 55).to(torch.uint8)  # nothing in them is black
    drawn = np.random.default_rng(3).choice([0, *AFFINE], size=(400, 3))
    strength = [magnitude_of(operation, 9, height=HEIGHT, width=WIDTH) for operation in Operation]
    sign = np.random.default_rng(4).choice([-1.0, 1.0], size=drawn.shape)
    plan = Plan(drawn, np.array(strength)[drawn] * sign)
    off = difference(apply_on_device(images, plan), apply_plain(images, plan)).float()
    white = apply_plain(torch.full_like(images, 255), plan).float()
    inside = torch.nn.functional.max_pool2d(255 - white, 3, 1, 1) == 0  # two pixels and more from any edge
    outside = torch.nn.functional.max_pool2d(white, 3, 1, 1) == 0
    assert inside.float().mean() > 0.7
    assert outside.float().mean() > 0.1
    assert off[inside].max() <= 4, "one look-up smooths less than three"
    assert off[outside].max() == 0
    assert off[~inside & ~outside].mean() < 6
    # Black where something was moved out and back again, although one look-up finds a pixel there.
    there_and_back = Plan(np.array([[3, 0, 3]]), np.array([[30.0, 0.0, -30.0]]))
    assert (apply_on_device(images[:1], there_and_back)[..., -30:] == 0).all()
    assert torch.equal(apply_on_device(images[:1], there_and_back)[..., :-30], images[:1, ..., :-30])


@pytest.mark.parametrize("apply", [apply_tables, apply_on_device, apply_plain])
def test_an_image_does_not_depend_on_neighbours_order_or_batch_size(apply: Apply) -> None:
    images = photographs(90)
    seeds = image_seeds(1, 2, np.arange(90))

    def changed(rows: list[int]) -> Tensor:
        plan = draw_plan(seeds[rows], num_ops=3, magnitude=9, height=HEIGHT, width=WIDTH)
        return apply(images[rows], plan)

    whole = changed(list(range(90)))
    order = np.random.default_rng(0).permutation(90).tolist()
    assert torch.equal(changed(order), whole[order])
    assert all(torch.equal(changed([row])[0], whole[row]) for row in range(0, 90, 3))


def test_quick_versions_follow_the_plan_of_the_plain_one() -> None:
    images, seeds = photographs(120), image_seeds(1, 0, np.arange(120))
    plain = RandAugment().augment(images, seeds, plain=True)
    plan = draw_plan(seeds, num_ops=3, magnitude=9, height=HEIGHT, width=WIDTH)
    for quick in (RandAugment().augment(images, seeds), apply_on_device(images, plan)):
        # A level lost early may be spread by a later operation; images as a whole are the same.
        off = difference(quick, plain).float().mean(dim=(1, 2, 3))
        assert off.median() < 0.1
        assert off.max() < 6
    assert difference(plain, images).float().mean() > 10


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_results_keep_the_memory_format_and_may_go_where_the_images_were(channels_last: bool, plain: bool) -> None:
    images, seeds = photographs(channels_last=channels_last), image_seeds(1, 0, np.arange(6))
    kept = images.clone()
    augmentation = RandAugment()
    changed = augmentation.augment(images, seeds, plain=plain)
    assert changed.stride() == images.stride()
    assert torch.equal(images, kept), "the input is left alone"
    assert augmentation.augment(images, seeds, plain=plain, out=images) is images
    assert torch.equal(images, changed)


def test_device_version_never_reads_a_value_back() -> None:
    # Meta tensors have no values: whatever asked for one (`nonzero`, `item`, a mask) would raise.
    plan = draw_plan(image_seeds(1, 0, np.arange(300)), num_ops=3, magnitude=9, height=HEIGHT, width=WIDTH)
    images = torch.empty(300, 3, HEIGHT, WIDTH, dtype=torch.uint8, device="meta")
    assert set(plan.operations.flatten().tolist()) == set(range(14))
    assert apply_on_device(images, plan).shape == images.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives_without_synchronising() -> None:
    images, seeds = photographs(200), image_seeds(1, 0, np.arange(200))
    plan = draw_plan(seeds, num_ops=3, magnitude=9, height=HEIGHT, width=WIDTH)
    on_device = images.cuda()
    RandAugment().augment(on_device, seeds)  # loads kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        changed = RandAugment().augment(on_device, seeds)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    off = difference(changed.cpu(), apply_on_device(images, plan)).float().mean(dim=(1, 2, 3))
    assert off.median() < 0.01
    assert off.max() < 6


def augmented(augmentation: Augmentation, images: torch.Tensor, seeds: Seeds) -> torch.Tensor:
    """[B, 3, H, W] float32 in [0, 1]."""
    found = augmentation(images, seeds, upload=lambda values: values)(slice(None))
    return found / 255.0 if found.dtype == torch.uint8 else found


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_every_augmentation_is_a_function_of_image_and_seed(name: str) -> None:
    augmentation = AUGMENTATIONS.build(name)
    images, seeds = photographs(), image_seeds(1, 0, np.arange(6))
    whole = augmented(augmentation, images, seeds)
    assert 0.0 <= whole.min() <= whole.max() <= 1.0
    order = [3, 0, 5, 1]
    torch.testing.assert_close(augmented(augmentation, images[order], seeds[order]), whole[order], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_what_is_no_batch_of_images_with_seeds_is_refused(name: str) -> None:
    augmentation, images, seeds = AUGMENTATIONS.build(name), photographs(), np.arange(6)
    with pytest.raises(DataError, match="torch.float32"):
        augmented(augmentation, images.float(), seeds)
    with pytest.raises(DataError, match=r"\[6, 1, 60, 84\]"):
        augmented(augmentation, images[:, :1], seeds)
    with pytest.raises(DataError, match=r"seeds of shape \[5\] for 6 images"):
        augmented(augmentation, images, seeds[:5])


def test_no_operations_leave_images_alone_and_bad_arguments_are_refused() -> None:
    images = photographs()
    assert torch.equal(RandAugment(num_ops=0).augment(images, image_seeds(1, 0, np.arange(6))), images)
    assert torch.equal(apply_on_device(images, single(Operation.IDENTITY, 0.0, 6)), images)
