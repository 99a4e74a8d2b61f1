"""Each aggregator against the reference's numbers and against plain loops."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.base import l2_normalize

PARITY = Path(__file__).parents[1] / "parity" / "aggregators.npz"
CASES = [
    ("convap_2x2", "convap", {"out_channels": 16, "s1": 2, "s2": 2}),
    ("convap_3x1", "convap", {"out_channels": 24, "s1": 3, "s2": 1}),
    ("gem", "gem", {}),
    ("cosplace", "cosplace", {"out_channels": 32}),
]


@pytest.mark.parametrize(("case", "name", "arguments"), CASES)
def test_descriptors_equal_the_reference(case, name, arguments):
    with np.load(PARITY) as stored:
        prefix = f"{case}.weight."
        weights = {key[len(prefix) :]: torch.tensor(stored[key]) for key in stored if key.startswith(prefix)}
        features, expected = torch.tensor(stored["x"]), torch.tensor(stored[f"{case}.descriptors"])
    aggregator = AGGREGATORS.build(name, in_channels=64, **arguments)
    aggregator.load_state_dict(weights, strict=True)
    with torch.inference_mode():
        descriptors = aggregator(features)
    torch.testing.assert_close(descriptors, expected, atol=1e-5, rtol=0)


def test_average_is_the_mean_of_each_channel():
    features = torch.tensor([[[[1.0, 3.0]], [[4.0, 2.0]], [[6.0, 6.0]]]])  # means 2, 3, 6; length 7
    descriptor = AGGREGATORS.build("avg", in_channels=3)(features)
    torch.testing.assert_close(descriptor, torch.tensor([[2 / 7, 3 / 7, 6 / 7]]))


def test_gem_is_the_generalised_mean_of_each_channel():
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = [
        [(sum(float(x) ** 3 for x in channel.flatten()) / 20) ** (1 / 3) for channel in image] for image in features
    ]
    pooled = AGGREGATORS.build("gem", in_channels=3).pool(features)
    torch.testing.assert_close(pooled, torch.tensor(expected), atol=1e-6, rtol=0)


def test_gem_with_exponent_one_is_the_average():
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    gem, average = (AGGREGATORS.build(name, in_channels=3, **args) for name, args in [("gem", {"p": 1.0}), ("avg", {})])
    torch.testing.assert_close(gem(features), average(features))


def test_gem_learns_its_exponent():
    gem = AGGREGATORS.build("gem", in_channels=3)
    gem(torch.rand(2, 3, 4, 4)).sum().backward()
    assert gem.p.shape == (1,)
    assert gem.p.grad.abs() > 0


def test_gem_survives_negative_and_tiny_features():
    gem = AGGREGATORS.build("gem", in_channels=3)
    for features in (-torch.rand(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 1e-3).bfloat16()):
        features.requires_grad_()
        descriptors = gem(features)
        descriptors.sum().backward()
        torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(2))
        assert features.grad.isfinite().all()


def test_a_map_of_zeros_gives_a_finite_gradient():
    features = torch.zeros(2, 3, 4, 4, requires_grad=True)
    AGGREGATORS.build("avg", in_channels=3)(features).sum().backward()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_normalising_gives_float32_rows_of_length_one(dtype):
    rows = l2_normalize(torch.tensor([[300.0, 400.0], [0.003, 0.004]], dtype=dtype))
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("avg", {"in_channels": 0}, "in_channels"),
        ("convap", {"in_channels": 8, "out_channels": "16"}, "out_channels"),
        ("convap", {"in_channels": 8, "s1": 0}, "s1"),
        ("cosplace", {"in_channels": 8, "out_channels": 2.5}, "out_channels"),
        ("gem", {"in_channels": 8, "p": 0}, "'p'"),
        ("gem", {"in_channels": 8, "eps": "1e-6"}, "eps"),
    ],
)
def test_values_out_of_range_are_refused(name, arguments, named):
    with pytest.raises(ConfigError, match=f"aggregator '{name}'.*{named}"):
        AGGREGATORS.build(name, **arguments)
