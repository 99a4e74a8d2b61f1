"""What somebody's model may return, and what is said about everything else."""

import pytest
import torch
from torch import nn

from gsv_pipeline.errors import ConfigError, DataError, RunError
from gsv_pipeline.models.external import ExternalModel

SIZE = (24, 32)


def model_of(describe):
    return ExternalModel("their:model", describe).eval()


def flat(images):
    return images.flatten(1)[:, :10]


def test_a_probe_says_the_size_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    probed = model_of(flat).probe(*SIZE)
    assert (probed.descriptor_size, probed.depends_on_batch) == (10, False)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_becomes_float32_of_unit_length():
    described = model_of(lambda images: flat(images).half())(torch.randn(3, 3, *SIZE))
    assert described.dtype == torch.float32
    torch.testing.assert_close(described.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize(
    ("describe", "depends"),
    [
        (lambda images: flat(images) - flat(images).mean(0) + 1, True),
        (lambda images: flat(images) * flat(images).square().sum(0), True),
        (nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 24 * 32)), False),
    ],
    ids=["centred", "weighted", "batch norm"],
)
def test_a_descriptor_that_its_batch_changes_is_noticed(describe, depends):
    assert model_of(describe).probe(*SIZE).depends_on_batch is depends


def test_a_model_that_cannot_describe_one_image_is_refused():
    of_the_batch = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 24 * 32, track_running_stats=False))
    with pytest.raises(ConfigError, match="failed on images .* ValueError: Expected more than 1 value"):
        model_of(of_the_batch).probe(*SIZE)


WRONG = {
    "a list": (lambda images: images.tolist(), "returned a list for images [2, 3, 24, 32] on cpu"),
    "a pair": (lambda images: (flat(images), None), "returned a tuple"),
    "a map": (lambda images: images, "returned a tensor of shape [2, 3, 24, 32]"),
    "one row": (lambda images: flat(images)[:1], "returned a tensor of shape [1, 10]"),
    "no numbers": (lambda images: flat(images)[:, :0], "returned a tensor of shape [2, 0]"),
    "whole numbers": (lambda images: flat(images).long(), "returned a tensor of torch.int64"),
    "elsewhere": (lambda images: flat(images).to("meta"), "returned a tensor on meta"),
    "other sizes": (lambda images: images.flatten(1)[:, : 4 + len(images)], "returned 5 numbers an image after 6"),
    "a fault": (lambda images: images @ images[:, :, :3], "failed on images [2, 3, 24, 32] on cpu: RuntimeError: "),
}


@pytest.mark.parametrize(("describe", "said"), WRONG.values(), ids=WRONG)
def test_anything_but_a_row_of_numbers_for_each_image_is_refused_by_name(describe, said):
    with pytest.raises(ConfigError) as caught:
        model_of(describe).probe(*SIZE)
    assert said in str(caught.value)
    assert "callable 'their:model'" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_descriptors_without_a_direction_are_counted(value):
    model = model_of(lambda images: torch.cat([torch.ones(len(images) - 1, 4), torch.full((1, 4), value)]))
    with pytest.raises(RunError, match="1 of 3 descriptors are not finite, or zero"):
        model(torch.zeros(3, 3, *SIZE))


def test_an_error_of_ours_inside_passes_as_it_is():
    def describe(images):
        raise DataError("their checkpoint is missing")

    with pytest.raises(DataError, match="^their checkpoint is missing$"):
        model_of(describe).probe(*SIZE)
