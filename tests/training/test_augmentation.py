"""Augmentations: their range, their seeds, what they leave alone."""

import pytest
import torch

from gsv_pipeline.training.augmentation import AUGMENTATIONS, RandAugment, Street


def images(count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    smooth = torch.rand(count, 3, 6, 8, generator=generator)
    return (torch.nn.functional.interpolate(smooth, (24, 32), mode="bilinear") * 255).to(torch.uint8)


def test_the_table_is_not_empty() -> None:
    assert {"none", "randaugment", "street"} <= set(AUGMENTATIONS)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_output_is_float_in_the_unit_range_and_a_function_of_the_seed(name: str) -> None:
    augmentation = AUGMENTATIONS.build(name)
    batch = images()
    state = torch.get_rng_state()
    first, again, other = augmentation(batch, 1), augmentation(batch, 1), augmentation(batch, 2)
    assert torch.equal(state, torch.get_rng_state()), "the global generator is left as it was"
    assert first.shape == batch.shape
    assert first.dtype == torch.float32
    assert 0.0 <= first.min() <= first.max() <= 1.0
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name == "none")


def test_none_only_scales() -> None:
    batch = images()
    assert torch.equal(AUGMENTATIONS.build("none")(batch, 5), batch / 255.0)


@pytest.mark.parametrize("augmentation", [RandAugment(), Street()])
def test_equal_images_of_a_batch_are_changed_differently(augmentation: RandAugment | Street) -> None:
    batch = images(1).expand(16, -1, -1, -1)
    changed = augmentation(batch, 4)
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 12


def test_street_with_everything_off_is_the_identity() -> None:
    still = Street(brightness=0, contrast=0, tint=0, grey_share=0, zoom=0, shift=0, erase_share=0)
    batch = images()
    torch.testing.assert_close(still(batch, 1), batch / 255.0, atol=1e-5, rtol=0)


def test_erasing_fills_one_grey_rectangle_and_leaves_the_rest() -> None:
    erase = Street(brightness=0, contrast=0, tint=0, grey_share=0, zoom=0, shift=0, erase_share=1)
    batch = images()
    changed = erase(batch, 1)
    different = (changed - batch / 255.0).abs().amax(dim=1) > 1e-4  # [B, H, W]
    grey = (changed == 0.5).all(dim=1)
    assert grey.flatten(1).any(dim=1).all()
    assert not (different & ~grey).any()
    assert grey.float().mean() < 0.2
