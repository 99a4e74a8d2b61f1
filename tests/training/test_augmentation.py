"""Augmentations: their range, their seeds, what they leave alone."""

import numpy as np
import pytest
import torch

from gsv_pipeline.training.augmentation import AUGMENTATIONS, Augmentation, RandAugment, Street, image_seeds

EVERY = slice(None)


def images(count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    smooth = torch.rand(count, 3, 6, 8, generator=generator)
    return (torch.nn.functional.interpolate(smooth, (24, 32), mode="bilinear") * 255).to(torch.uint8)


def augmented(augmentation: Augmentation, batch: torch.Tensor, seed: int) -> torch.Tensor:
    """[B, 3, H, W] float32 in [0, 1]."""
    found = augmentation(batch, image_seeds(seed, 0, np.arange(len(batch))), upload=lambda values: values)(EVERY)
    return found / 255.0 if found.dtype == torch.uint8 else found


def test_the_table_is_not_empty() -> None:
    assert {"none", "randaugment", "street"} <= set(AUGMENTATIONS)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_output_is_float_in_the_unit_range_and_a_function_of_the_seed(name: str) -> None:
    augmentation = AUGMENTATIONS.build(name)
    batch = images()
    state = torch.get_rng_state()
    first, again, other = (augmented(augmentation, batch, seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state()), "the global generator is left as it was"
    assert first.shape == batch.shape
    assert first.dtype == torch.float32
    assert 0.0 <= first.min() <= first.max() <= 1.0
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name == "none")


def test_none_only_scales() -> None:
    batch = images()
    assert torch.equal(augmented(AUGMENTATIONS.build("none"), batch, 5), batch / 255.0)


@pytest.mark.parametrize("augmentation", [RandAugment(), Street()])
def test_equal_images_of_a_batch_are_changed_differently(augmentation: RandAugment | Street) -> None:
    batch = images(1).expand(16, -1, -1, -1)
    changed = augmented(augmentation, batch, 4)
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 12


def test_street_with_everything_off_is_the_identity() -> None:
    still = Street(brightness=0, contrast=0, tint=0, grey_share=0, zoom=0, shift=0, erase_share=0)
    batch = images()
    torch.testing.assert_close(augmented(still, batch, 1), batch / 255.0, atol=1e-5, rtol=0)


def test_erasing_fills_one_grey_rectangle_and_leaves_the_rest() -> None:
    erase = Street(brightness=0, contrast=0, tint=0, grey_share=0, zoom=0, shift=0, erase_share=1)
    batch = images()
    changed = augmented(erase, batch, 1)
    different = (changed - batch / 255.0).abs().amax(dim=1) > 1e-4  # [B, H, W]
    grey = (changed == 0.5).all(dim=1)
    assert grey.flatten(1).any(dim=1).all()
    assert not (different & ~grey).any()
    assert grey.float().mean() < 0.2


def test_street_changes_nothing_beyond_its_strengths_and_uses_all_of_them() -> None:
    street, count = Street(), 4000
    draws = street.draw(image_seeds(1, 0, np.arange(count)))
    reaches = {
        "scale": (draws.scale - 1.0, street.zoom),
        "offset": (draws.offset, 2.0 * street.shift),
        "gain": (draws.gain - 1.0, street.brightness),
        "factor": (draws.factor - 1.0, street.contrast),
        "colour": (draws.colour - 1.0, street.tint),
    }
    for name, (values, strength) in reaches.items():
        assert 0.99 * strength < values.abs().max() <= strength, name
        assert values.mean().abs() < 0.05 * strength, name
    assert float((draws.fading > 0).float().mean()) == pytest.approx(street.grey_share, abs=0.02)
    assert float(draws.chosen.float().mean()) == pytest.approx(street.erase_share, abs=0.02)
    assert 0.1 <= draws.size.min() <= draws.size.max() <= 0.4
    assert (draws.start + draws.size).max() <= 1.0
    columns = torch.stack([draws.scale, draws.offset[:, 0], draws.offset[:, 1], *draws.colour[:, :, 0, 0].T])
    assert (torch.corrcoef(columns) - torch.eye(6)).abs().max() < 0.06, "drawn independently"
