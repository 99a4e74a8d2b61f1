"""Mining and loss in one function: against pytorch-metric-learning, against plain loops, and what it must never do."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.training.losses import FUSED, LOSSES, build_objective, fuse
from gsv_pipeline.training.losses.multi_similarity import fused_multi_similarity, multi_similarity_loss
from gsv_pipeline.training.losses.pair_loss import MinedLoss
from gsv_pipeline.training.miners import MINERS
from tests.dispatch import Dispatched

PARITY = Path(__file__).parents[1] / "parity"
REFERENCE = {"alpha": 1.0, "beta": 50.0, "base": 0.0, "epsilon": 0.1}
ONE = torch.ones((), dtype=torch.float64)
NUMBERS = {
    "reference": REFERENCE,
    "paper": {"alpha": 2.0, "beta": 50.0, "base": 0.5, "epsilon": 0.1},
    "wide": {"alpha": 0.5, "beta": 7.0, "base": -0.3, "epsilon": 2.5},
    "strict": {"alpha": 3.0, "beta": 20.0, "base": 0.1, "epsilon": -0.2},
}
SIZES = {
    "equal": [4] * 12,
    "uneven": [1, 2, 5, 3, 1, 7],
    "one_place_so_no_negatives": [9],
    "one_image_a_place_so_no_positives": [1] * 9,
    "one_image": [1],
    "two_images": [2],
}


def batch(sizes, *, dim=16, noise=2.0, seed=0, dtype=torch.float32):
    """Unit descriptors in mixed order, images of a place nearer to each other than chance."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([place for place, size in enumerate(sizes) for _ in range(size)])
    labels = labels[torch.randperm(len(labels), generator=generator)]
    places = torch.randn(len(sizes), dim, generator=generator)
    images = places[labels] + noise * torch.randn(len(labels), dim, generator=generator)
    return torch.nn.functional.normalize(images, dim=1).to(dtype), labels


def plain(numbers):
    loss_arguments = {name: numbers[name] for name in ("alpha", "beta", "base")}
    epsilon = {"epsilon": numbers["epsilon"]}
    return build_objective(
        "multi_similarity", loss_arguments, miner="multi_similarity", miner_arguments=epsilon, plain=True
    )


def with_gradient(objective, descriptors, labels):
    leaf = descriptors.clone().requires_grad_()
    value, accuracy = objective(leaf, labels)
    value.backward()
    return value.item(), accuracy.item(), leaf.grad


def assert_equals_the_library(descriptors, labels, numbers=REFERENCE, *, noise_floor=1e-7):
    expected, expected_accuracy, expected_gradient = with_gradient(plain(numbers), descriptors, labels)
    value, accuracy, gradient = with_gradient(fused_multi_similarity(**numbers), descriptors, labels)
    assert value == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert accuracy == pytest.approx(expected_accuracy, abs=1e-6)
    difference = (gradient - expected_gradient).norm().item()
    assert difference <= 1e-5 * expected_gradient.norm().item() + noise_floor
    return value


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_value_gradient_and_accuracy_equal_the_library(sizes, numbers, noise):
    for seed in range(5):
        assert_equals_the_library(*batch(sizes, noise=noise, seed=seed), numbers)


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_lengths_other_than_one_are_treated_as_the_library_does(numbers):
    descriptors, labels = batch(SIZES["uneven"])
    lengths = torch.logspace(-3, 3, len(labels))[:, None]
    assert_equals_the_library(descriptors * lengths, labels, numbers)


def test_descriptors_without_a_direction_are_treated_as_the_library_does():
    descriptors, labels = batch([4, 4, 4])
    descriptors[2] = 0.0
    descriptors[5] *= 1e-15
    assert_equals_the_library(descriptors, labels)


def test_duplicates_equal_the_library():
    descriptors, labels = batch([4] * 6)
    twice = torch.cat([descriptors, descriptors])
    assert_equals_the_library(twice, torch.cat([labels, labels]))
    assert_equals_the_library(twice, torch.cat([labels, labels + 100]))  # the same image in two places


def test_a_collapsed_model_equals_the_library():
    _, labels = batch([4] * 5)
    same = torch.nn.functional.normalize(torch.ones(20, 16), dim=1)
    assert assert_equals_the_library(same, labels, noise_floor=1e-6) > 1.0


def test_a_perfect_model_has_no_loss_no_gradient_and_full_accuracy():
    labels = torch.arange(4).repeat_interleave(3)
    assert with_gradient(fused_multi_similarity(), torch.eye(8)[labels], labels)[:2] == (0.0, 1.0)
    assert_equals_the_library(torch.eye(8)[labels], labels)


def test_a_single_mined_pair_of_each_kind_costs_nothing_as_in_the_library():
    # 0 and 1 are of one place. Image 0 is as near to image 2 as to 1; image 1 is far from 2, and 2 has no positive.
    angles = torch.deg2rad(torch.tensor([0.0, 30.0, -32.0]))
    descriptors, labels = torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([0, 0, 1])
    pairs = MINERS.build("multi_similarity")(descriptors, labels)
    assert [indices.tolist() for indices in pairs] == [[0], [1], [0], [2]]
    assert assert_equals_the_library(descriptors, labels) == 0.0


def test_a_batch_of_the_published_size_equals_the_library():
    descriptors, labels = batch([4] * 100, dim=4096, noise=3.0)
    assert assert_equals_the_library(descriptors, labels) > 0.1


def test_the_reference_numbers_hold():
    expected = json.loads((PARITY / "losses_expected.json").read_text())["MultiSimilarityLoss/MultiSimilarityMiner"]
    with np.load(PARITY / "losses_input.npz") as stored:
        descriptors, labels = torch.tensor(stored["descriptors"]), torch.tensor(stored["labels"])
    value, accuracy, gradient = with_gradient(fused_multi_similarity(), descriptors, labels)
    assert value == pytest.approx(expected["loss"], abs=1e-5, rel=0)
    assert gradient.norm().item() == pytest.approx(expected["grad_norm"], abs=1e-5, rel=0)
    assert accuracy == pytest.approx(expected["batch_acc"], abs=1e-5, rel=0)


def by_loops(descriptors, labels, *, alpha, beta, base, epsilon):
    """The formula of the docstring, one anchor and one pair at a time."""
    unit = [row / row.norm() for row in descriptors]
    total = torch.zeros((), dtype=torch.float64)
    for a in range(len(labels)):
        similar = {j: unit[a] @ unit[j] for j in range(len(labels)) if j != a}
        same = [s for j, s in similar.items() if labels[j] == labels[a]]
        other = [s for j, s in similar.items() if labels[j] != labels[a]]
        if same and other:
            kept_same = [s for s in same if s - epsilon < max(other)]
            kept_other = [s for s in other if s + epsilon > min(same)]
            total = total + sum(((alpha * (base - s)).exp() for s in kept_same), ONE).log() / alpha
            total = total + sum(((beta * (s - base)).exp() for s in kept_other), ONE).log() / beta
    return total / len(labels)


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("sizes", [[4, 4, 4], [1, 2, 5, 3]], ids=str)
def test_it_is_its_formula_and_its_gradient_is_the_derivative(sizes, numbers):
    descriptors, labels = batch(sizes, dim=5, dtype=torch.float64)
    descriptors *= torch.linspace(0.5, 3.0, len(labels))[:, None]
    leaf = descriptors.clone().requires_grad_()
    expected = by_loops(leaf, labels, **numbers)
    expected.backward()
    value, _, gradient = with_gradient(fused_multi_similarity(**numbers), descriptors, labels)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-9, atol=1e-13)
    inputs = descriptors.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: multi_similarity_loss(x, labels, **numbers)[0], (inputs,))


def test_large_exponents_do_not_overflow():
    descriptors, labels = batch([4] * 6)
    numbers = {"alpha": 1000.0, "beta": 5000.0, "base": -0.5, "epsilon": 2.5}
    value, _, gradient = with_gradient(fused_multi_similarity(**numbers), descriptors, labels)
    assert math.isfinite(value)
    assert gradient.isfinite().all()
    expected = by_loops(descriptors.double(), labels, alpha=100.0, beta=100.0, base=0.5, epsilon=2.5)
    numbers = {"alpha": 100.0, "beta": 100.0, "base": 0.5, "epsilon": 2.5}
    assert with_gradient(fused_multi_similarity(**numbers), descriptors, labels)[0] == pytest.approx(expected.item())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [1, 1, 1], [3]], ids=str)
def test_a_descriptor_that_is_not_finite_shows_in_the_loss(sizes, value):
    descriptors, labels = batch(sizes)
    descriptors[0, 3] = value
    assert math.isnan(fused_multi_similarity()(descriptors, labels)[0].item())


def test_autocast_changes_neither_value_nor_gradient():
    descriptors, labels = batch([4] * 6)
    expected = with_gradient(fused_multi_similarity(), descriptors, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = with_gradient(fused_multi_similarity(), descriptors, labels)
    assert mixed[:2] == expected[:2]
    assert torch.equal(mixed[2], expected[2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_descriptors_are_computed_in_float32(dtype):
    descriptors, labels = batch([4] * 6, dtype=dtype)
    leaf = descriptors.clone().requires_grad_()
    value, accuracy = fused_multi_similarity()(leaf, labels)
    value.backward()
    expected, _, gradient = with_gradient(fused_multi_similarity(), descriptors.float(), labels)
    assert (value.dtype, accuracy.dtype, leaf.grad.dtype) == (torch.float32, torch.float32, dtype)
    assert value.item() == expected
    assert torch.equal(leaf.grad, gradient.to(dtype))


def test_without_gradient_it_gives_the_same_value():
    descriptors, labels = batch([4] * 6)
    with torch.no_grad():
        value, _ = fused_multi_similarity()(descriptors.requires_grad_(), labels)
    assert not value.requires_grad
    assert value.item() == with_gradient(fused_multi_similarity(), descriptors.detach(), labels)[0]


def test_a_second_derivative_is_refused():
    descriptors, labels = batch([4] * 3)
    descriptors.requires_grad_()
    weighted = torch.ones((), requires_grad=True) * fused_multi_similarity()(descriptors, labels)[0]
    (gradient,) = torch.autograd.grad(weighted, descriptors, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def step(objective, descriptors, labels):
    with Dispatched() as seen:
        objective(descriptors.clone().requires_grad_(), labels)[0].backward()
    return seen


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_nothing_waits_for_the_device(sizes):
    assert step(fused_multi_similarity(), *batch(sizes)).waits == []


def test_what_counts_waits_sees_those_of_the_library():
    assert set(step(plain(REFERENCE), *batch([4] * 6)).waits) == {"nonzero", "_local_scalar_dense"}
    with Dispatched() as seen:
        values = torch.arange(6.0)
        values[values > 2] = 0.0
        values[torch.tensor([1, 2])] = 5.0  # numbers, not truths: no wait
    assert seen.waits == ["index_put_"]


def test_no_value_is_read_and_no_device_is_mixed():
    # Shapes without values: reading a value, or a tensor on another device, raises here, and without a GPU.
    with FakeTensorMode():
        descriptors = torch.empty(12, 8, dtype=torch.bfloat16, requires_grad=True)
        fused_multi_similarity()(descriptors, torch.empty(12, dtype=torch.int64))[0].backward()
        on_gpu = torch.empty(12, 8, device="cuda", requires_grad=True)
        value, accuracy = fused_multi_similarity()(on_gpu, torch.empty(12, device="cuda", dtype=torch.int64))
    assert descriptors.grad.shape == (12, 8)
    assert {value.device.type, accuracy.device.type} == {"cuda"}


def test_it_allocates_a_quarter_of_the_library_s_memory_at_most():
    descriptors, labels = batch([4] * 100, dim=4096, noise=3.0)
    library, ours = (step(objective, descriptors, labels) for objective in (plain(REFERENCE), fused_multi_similarity()))
    assert ours.allocated_bytes <= 0.25 * library.allocated_bytes
    assert ours.num_operators < library.num_operators


def test_processes_that_gather_all_descriptors_get_the_gradients_of_one():
    descriptors, labels = batch([4] * 6)
    expected, _, gradient = with_gradient(fused_multi_similarity(), descriptors, labels)
    for own in (slice(0, 10), slice(10, 24)):
        local = descriptors[own].clone().requires_grad_()
        gathered = torch.cat([descriptors[: own.start], local, descriptors[own.stop :]])
        value, _ = fused_multi_similarity()(gathered, labels)
        value.backward()
        assert value.item() == expected
        torch.testing.assert_close(local.grad, gradient[own])


def test_cached_gradients_in_pieces_are_those_of_the_whole_batch():
    images, labels = batch([4] * 6, dim=10)
    model = torch.nn.Linear(10, 7)
    with torch.no_grad():
        descriptors = model(images)
    _, _, cached = with_gradient(fused_multi_similarity(), descriptors, labels)
    for piece in (slice(0, 9), slice(9, 24)):
        model(images[piece]).backward(cached[piece])
    in_pieces = model.weight.grad.clone()
    model.weight.grad = None
    fused_multi_similarity()(model(images), labels)[0].backward()
    torch.testing.assert_close(in_pieces, model.weight.grad, rtol=1e-5, atol=1e-7)


def test_only_pairs_in_the_table_are_fused():
    fused = {
        (loss, miner)
        for loss in LOSSES
        for miner in MINERS
        if fuse(loss, {}, miner=miner, miner_arguments={}) is not None
    }
    assert fused == set(FUSED) == {("multi_similarity", "multi_similarity")}


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("miner", sorted(MINERS))
def test_an_objective_is_the_miner_and_then_the_loss(loss, miner):
    descriptors, labels = batch([4] * 4)
    value, accuracy = build_objective(loss, {}, miner=miner, miner_arguments={})(descriptors, labels)
    separate = MinedLoss(LOSSES.build(loss), MINERS.build(miner))(descriptors, labels)
    torch.testing.assert_close((value, accuracy), separate, rtol=1e-5, atol=1e-7)
    assert value.shape == accuracy.shape == ()
    assert accuracy.item() == 0.0 or miner != "none"


def test_arguments_of_loss_and_miner_reach_the_fused_function():
    descriptors, labels = batch([4] * 4)
    loss_arguments, miner_arguments = {"alpha": 2.0, "beta": 10.0, "base": 0.5}, {"epsilon": 0.3}
    numbers = {**loss_arguments, **miner_arguments}
    found = fuse("multi_similarity", loss_arguments, miner="multi_similarity", miner_arguments=miner_arguments)
    assert found(descriptors, labels)[0].item() == multi_similarity_loss(descriptors, labels, **numbers)[0].item()


def test_defaults_are_those_of_the_loss_and_of_the_miner():
    assert fuse("multi_similarity", {}, miner="multi_similarity", miner_arguments={}).numbers == (
        fused_multi_similarity(**REFERENCE).numbers
    )
    assert_equals_the_library(*batch([4] * 6))


@pytest.mark.parametrize(
    ("loss_arguments", "miner", "miner_arguments", "named"),
    [
        ({"alpha": 0.0}, "multi_similarity", {}, "loss 'multi_similarity'.*alpha"),
        ({"base": math.inf}, "multi_similarity", {}, "loss 'multi_similarity'.*base"),
        ({}, "multi_similarity", {"epsilon": "0.1"}, "miner 'multi_similarity'.*epsilon"),
        ({"epsilon": 0.1}, "multi_similarity", {}, "loss 'multi_similarity': unexpected argument 'epsilon'"),
        ({}, "multi_similarity", {"beta": 1.0}, "miner 'multi_similarity': unexpected argument 'beta'"),
        ({}, "multi_similarty", {}, "Did you mean 'multi_similarity'"),
    ],
)
@pytest.mark.parametrize("plain", [False, True])
def test_bad_names_and_values_are_refused(loss_arguments, miner, miner_arguments, named, plain):
    with pytest.raises(ConfigError, match=named):
        build_objective("multi_similarity", loss_arguments, miner=miner, miner_arguments=miner_arguments, plain=plain)
