"""From uint8 to the network's input: a function of the image, not of how a batch is split."""

from typing import Any

import numpy as np
import pytest
import torch

from gsv_pipeline.models.normalise import normalise, normalise_plainly, to_channels_first
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.training.augmentation import AUGMENTATIONS, image_seeds
from gsv_pipeline.training.gradient_cache import step_seed
from gsv_pipeline.training.pixels import Pixels, Uploads
from tests.training.small_steps import images_of

NUM_ROWS = 50


def pixels_of(name: str, *, plain: bool = False, seed: int = 1) -> Pixels:
    upload = Uploads(torch.device("cpu"))
    return Pixels(AUGMENTATIONS.build(name), upload=upload, seed=seed, num_rows=NUM_ROWS, plain=plain)


def whole(pixels: Pixels, batch: PlaceBatch, images: Any, *, epoch: int = 0) -> torch.Tensor:
    every = slice(0, len(images))
    return pixels(batch, images, share=every, epoch=epoch)(every)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
@pytest.mark.parametrize("plain", [False, True])
def test_shares_and_pieces_give_what_the_whole_batch_gives(name: str, plain: bool) -> None:
    batch, images = images_of(6)
    pixels, before = pixels_of(name, plain=plain), images.copy()
    wanted = whole(pixels, batch, images)
    for share in (slice(0, 9), slice(9, 18)):
        pieces = pixels(batch, images[share], share=share, epoch=0)
        for piece in (slice(0, 1), slice(1, 5), slice(5, 9)):
            torch.testing.assert_close(pieces(piece), wanted[share][piece], rtol=0, atol=1e-6)
            assert torch.equal(pieces(piece), pieces(piece)), "again and again the same"
    assert np.array_equal(images, before), "the reader's buffer is left alone"


@pytest.mark.parametrize("name", ["randaugment", "street"])
@pytest.mark.parametrize("plain", [False, True])
def test_what_an_image_becomes_is_known_by_seed_epoch_and_row_and_a_mirrored_one_is_another(
    name: str, plain: bool
) -> None:
    batch, images = images_of(4)
    pixels = pixels_of(name, plain=plain)
    found = whole(pixels, batch, images, epoch=2)
    order = np.array([5, 0, 11, 3])
    other = PlaceBatch(batch.rows[order], batch.labels[order], batch.mirrored[order])
    torch.testing.assert_close(whole(pixels, other, images[order], epoch=2), found[order], rtol=0, atol=1e-6)
    assert not torch.allclose(whole(pixels, batch, images, epoch=3), found, atol=1e-2)
    turned = np.where(batch.mirrored[:, None, None, None], images[:, :, ::-1], images)
    seeds = image_seeds(1, 2, batch.rows + NUM_ROWS * batch.mirrored)
    channels_first = to_channels_first(torch.from_numpy(turned))
    oracle = AUGMENTATIONS.build(name)(channels_first, seeds, upload=lambda values: values, plain=plain)(slice(None))
    torch.testing.assert_close(found, normalise(oracle), rtol=0, atol=1e-5)


def test_the_plain_way_gives_nearly_the_same_in_the_other_memory_format() -> None:
    batch, images = images_of(6)
    quick, plain = (whole(pixels_of("randaugment", plain=plain), batch, images) for plain in (False, True))
    assert quick.is_contiguous(memory_format=torch.channels_last)
    assert plain.is_contiguous()
    assert float((quick - plain).abs().mean()) < 2 / 255


def test_a_seed_of_a_step_is_its_own() -> None:
    seeds = {step_seed(seed, step, *more) for seed in (1, 2) for step in range(20) for more in ((), (1, 0), (1, 1))}
    assert len(seeds) == 2 * 20 * 3


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_normalising_in_one_operation_is_the_published_formula(kind: torch.dtype) -> None:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, 16, 16)
    images = values if kind == torch.uint8 else values / 255.0
    mean, deviation = (torch.tensor(row).view(1, 3, 1, 1) for row in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    oracle = (values.double() / 255.0 - mean) / deviation
    for found in (normalise(images), normalise_plainly(images)):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), oracle, rtol=0, atol=1e-6)
    assert normalise(images).is_contiguous(memory_format=torch.channels_last)


def test_images_that_may_not_be_written_to_are_read() -> None:
    batch, images = images_of(2)
    wanted = whole(pixels_of("none"), batch, images)
    images.flags.writeable = False
    assert torch.equal(whole(pixels_of("none"), batch, images), wanted)
