"""What every loss with every miner promises: finite numbers and gradients on every batch that training can meet."""

import inspect

import pytest
import torch

from gsv_pipeline.training.losses import LOSSES
from gsv_pipeline.training.miners import MINERS

SIZES = {
    "random": [4, 4, 4, 4],
    "uneven": [1, 2, 5, 3],
    "one_image_per_place": [1] * 8,
    "one_place": [8],
    "one_image": [1],
}


def batch(sizes, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([place for place, size in enumerate(sizes) for _ in range(size)])
    descriptors = torch.nn.functional.normalize(torch.randn(len(labels), 16, generator=generator), dim=1)
    return descriptors.to(dtype), labels


def assert_finite_with_gradient(loss, miner, descriptors, labels):
    descriptors.requires_grad_()
    value = loss(descriptors, labels, miner(descriptors, labels))
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert value.isfinite()
    value.backward()
    assert descriptors.grad.isfinite().all()
    return value.item()


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return LOSSES.build(request.param)


@pytest.fixture(params=sorted(MINERS))
def miner(request):
    return MINERS.build(request.param)


def test_the_tables_are_not_empty():
    assert len(LOSSES) > 0
    assert len(MINERS) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", sorted(SIZES))
def test_loss_and_gradient_are_finite(loss, miner, kind, dtype):
    assert_finite_with_gradient(loss, miner, *batch(SIZES[kind], dtype))


def test_a_collapsed_model_gives_finite_gradients(loss, miner):
    _, labels = batch([4, 4, 4])
    same = torch.nn.functional.normalize(torch.ones(12, 16), dim=1)
    assert_finite_with_gradient(loss, miner, same, labels)


def test_a_perfect_model_gives_finite_gradients(loss, miner):
    _, labels = batch([3, 3, 3])
    assert_finite_with_gradient(loss, miner, torch.eye(16)[labels].clone(), labels)


def test_autocast_does_not_change_the_loss(loss, miner):
    descriptors, labels = batch(SIZES["random"])
    pairs = miner(descriptors, labels)
    plain = loss(descriptors, labels, pairs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(descriptors, labels, pairs), plain)


def test_the_numbers_of_the_labels_do_not_matter(loss, miner):
    descriptors, labels = batch(SIZES["uneven"])
    renamed = torch.tensor([900, 7, 10**12, 0])[labels]
    expected = loss(descriptors, labels, miner(descriptors, labels))
    torch.testing.assert_close(loss(descriptors, renamed, miner(descriptors, renamed)), expected)


def test_the_order_of_the_batch_does_not_matter(loss, miner):
    descriptors, labels = batch(SIZES["uneven"])
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    expected = loss(descriptors, labels, miner(descriptors, labels))
    shuffled = loss(descriptors[order], labels[order], miner(descriptors[order], labels[order]))
    torch.testing.assert_close(shuffled, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_learning_by_a_loss_brings_images_of_a_place_together(name):
    descriptors, labels = batch([4, 4, 4])
    weights = descriptors.clone().requires_grad_()
    loss, optimizer = LOSSES.build(name), torch.optim.Adam([weights], lr=0.02)
    same = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)

    def contrast():
        unit = torch.nn.functional.normalize(weights.detach(), dim=1)
        similar = unit @ unit.T
        return (similar[same].mean() - similar[labels[:, None] != labels].mean()).item()

    before = contrast()
    for _ in range(20):
        optimizer.zero_grad()
        loss(torch.nn.functional.normalize(weights, dim=1), labels, None).backward()
        optimizer.step()
    assert contrast() > before + 0.05


@pytest.mark.parametrize("table", [LOSSES, MINERS], ids=lambda table: table.kind)
def test_every_parameter_is_named_and_has_a_default(table):
    for name in table:
        for spec in inspect.signature(table[name]).parameters.values():
            assert spec.kind is spec.POSITIONAL_OR_KEYWORD, f"{name}: {spec}"
            assert spec.default is not spec.empty, f"{name}: {spec}"
