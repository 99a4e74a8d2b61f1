"""Seeds of images and the plan drawn from them: stable, uniform, and with torchvision's magnitudes."""

import numpy as np
import pytest
from torchvision.transforms import v2

from gsv_pipeline.training.augmentation import image_seeds
from gsv_pipeline.training.augmentation.plan import NUM_BINS, Operation, draw_plan, magnitude_of
from gsv_pipeline.training.augmentation.seeds import random_words

CHI_SQUARE_13_AT_0_001 = 34.53


def test_words_are_those_published_for_splitmix64() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert random_words(np.array([1234567]), 4).tolist() == [published]


def test_seeds_of_images_stay_what_they_are() -> None:
    rows = np.array([0, 1, 2**40], dtype=np.int64)
    assert image_seeds(1, 0, rows).tolist() == [-5653703133376969021, 7806873273932414515, 8784459294260085369]
    assert image_seeds(-1, 29, rows[:1]).tolist() == [-7534842641036739475]


def test_plan_stays_what_it_is() -> None:
    plan = draw_plan(image_seeds(1, 0, np.arange(4)), num_ops=3, magnitude=9, height=320, width=480)
    assert plan.operations.tolist() == [[12, 5, 11], [7, 3, 1], [7, 4, 11], [12, 8, 12]]
    assert (plan.magnitudes < 0).tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
        [False, False, False],
    ]


def test_every_image_of_every_epoch_and_run_has_a_seed_of_its_own() -> None:
    rows = np.arange(20_000)
    seeds = np.concatenate([image_seeds(seed, epoch, rows) for seed in range(4) for epoch in range(4)])
    assert len(np.unique(seeds)) == len(seeds)


def test_a_seed_does_not_depend_on_the_other_rows() -> None:
    rows = np.random.default_rng(0).permutation(1000)
    assert (image_seeds(3, 5, rows) == image_seeds(3, 5, np.arange(1000))[rows]).all()


@pytest.mark.parametrize("step", range(3))
def test_operations_are_uniform_at_every_step(step: int) -> None:
    # Rows of one run follow each other, which a weak hash would show.
    plan = draw_plan(image_seeds(1, 0, np.arange(140_000)), num_ops=3, magnitude=9, height=320, width=320)
    counts = np.bincount(plan.operations[:, step], minlength=len(Operation))
    assert (((counts - 10_000) ** 2) / 10_000).sum() < CHI_SQUARE_13_AT_0_001


def test_steps_are_independent_and_signs_are_even() -> None:
    plan = draw_plan(image_seeds(1, 0, np.arange(196_000)), num_ops=2, magnitude=9, height=320, width=320)
    pairs = np.bincount(plan.operations[:, 0] * 14 + plan.operations[:, 1], minlength=196)
    assert (((pairs - 1000) ** 2) / 1000).sum() < 266.5  # chi-square of 195 degrees of freedom at 0.0005
    negative = (plan.magnitudes < 0)[plan.operations == Operation.ROTATE].mean()
    assert abs(negative - 0.5) < 0.01


@pytest.mark.parametrize("operation", Operation, ids=lambda operation: operation.name)
def test_magnitudes_are_those_of_torchvision(operation: Operation) -> None:
    space = list(v2.RandAugment._AUGMENTATION_SPACE.values())
    assert len(space) == len(Operation)
    table, signed = space[operation]
    height, width = 317, 480
    theirs = table(NUM_BINS, height, width)
    for magnitude in range(NUM_BINS):
        ours = magnitude_of(operation, magnitude, height=height, width=width)
        expected = 0.0 if theirs is None else float(theirs[magnitude])
        if operation in (Operation.TRANSLATE_X, Operation.TRANSLATE_Y):
            expected = float(int(expected))  # torchvision cuts it where it applies it
        if operation is Operation.SOLARIZE:
            expected *= 255.0
        assert ours == expected
    plan = draw_plan(np.arange(3000), num_ops=1, magnitude=9, height=height, width=width)
    assert (plan.magnitudes[plan.operations == operation] < 0).any() == signed
