"""One training step: its gradients in pieces, its numbers, its silence towards the device, and what spoils it."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.precision import MixedPrecision
from torch import Tensor, nn

from gsv_pipeline.training.augmentation import RandAugment
from gsv_pipeline.training.gather import own_share
from gsv_pipeline.training.gradient_cache import cut, forked_generators, num_pieces, seed_generators, step_seed
from gsv_pipeline.training.judge import full_matmul_precision
from gsv_pipeline.training.step import METRICS
from tests.dispatch import Dispatched
from tests.training.small_steps import (
    PER_PLACE,
    adamw,
    convap,
    cpu,
    furthest,
    gradients_of,
    images_of,
    objective_of,
    salad,
    step_of,
    still,
)

NUM_IMAGES = 6 * PER_PLACE


def state_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, statistics and the optimizer's state, copied."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for number, of_parameter in enumerate(optimizer.state.values()):
        state |= {f"{number}.{name}": value.clone() for name, value in of_parameter.items()}
    return state


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if not torch.equal(found[name], wanted[name])] == []


@pytest.mark.parametrize("num_places", [1, 2, 7, 100])
@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_shares_cover_all_places_in_order_and_differ_by_one_at_most(num_places: int, world_size: int) -> None:
    shares = [own_share(num_places, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert [place for share in shares for place in range(num_places)[share]] == list(range(num_places))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("count", "size"), [(18, None), (18, 18), (18, 7), (18, 100), (18, 1), (400, 128)])
def test_pieces_cover_a_batch_are_as_few_as_can_be_and_alike(count: int, size: int | None) -> None:
    pieces = cut(count, pieces=num_pieces([count], micro_batch=size))
    assert [row for piece in pieces for row in range(count)[piece]] == list(range(count))
    sizes = [piece.stop - piece.start for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert len(pieces) == -(-count // (size or count))


def test_processes_cut_their_shares_into_equally_many_pieces() -> None:
    counts = [52, 52, 52, 52, 48, 48, 48, 48]  # 100 places of 4 images in 8 processes
    pieces = num_pieces(counts, micro_batch=16)
    assert pieces == 4
    assert {len(cut(count, pieces=pieces)) for count in counts} == {4}
    assert max(piece.stop - piece.start for count in counts for piece in cut(count, pieces=pieces)) <= 16
    assert num_pieces([4, 0], micro_batch=None) == 1
    assert [piece.stop - piece.start for piece in cut(0, pieces=2)] == [0, 0]


@pytest.mark.parametrize("micro_batch", [1, 4, 7, 9, 100])
def test_gradients_of_pieces_are_those_of_the_whole_batch(micro_batch: int) -> None:
    batch, images = images_of(6)
    whole, pieces = (still(convap().train()) for _ in range(2))
    make = partial(step_of, augmentation=RandAugment())
    wanted = make(cpu(), whole)(batch, images, epoch=0, step=0)
    found = make(cpu(), pieces, micro_batch=micro_batch)(batch, images, epoch=0, step=0)
    assert furthest(gradients_of(pieces), gradients_of(whole)) <= 1e-5
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_step_is_what_autograd_gives_without_a_cache() -> None:
    batch, images = images_of(6)
    model = still(convap().train())
    step = step_of(cpu(), model)
    other = still(copy.deepcopy(model))
    found = step(batch, images, epoch=0, step=3)
    pixels = step._pixels(batch, images, share=slice(0, NUM_IMAGES), epoch=0)
    loss, accuracy = objective_of()(other(pixels(slice(0, NUM_IMAGES))), torch.from_numpy(batch.labels))
    loss.backward()
    assert furthest(gradients_of(model), gradients_of(other)) <= 1e-6
    norm = torch.stack([gradient.norm() for gradient in gradients_of(other).values()]).norm()
    torch.testing.assert_close(found, torch.stack([loss, accuracy, norm, torch.ones(())]).detach())
    assert METRICS == ("loss", "batch_accuracy", "gradient_norm", "finite")


def test_dropout_draws_the_same_when_a_piece_is_described_again_and_other_numbers_in_the_next_step() -> None:
    batch, images = images_of(6)
    model = salad().train()
    step = step_of(cpu(), model, micro_batch=5)
    other = copy.deepcopy(model)
    before = torch.get_rng_state()
    step(batch, images, epoch=0, step=2)
    assert torch.equal(torch.get_rng_state(), before), "the global generator is left as it was"
    pixels = step._pixels(batch, images, share=slice(0, NUM_IMAGES), epoch=0)

    def described(number: int, piece: slice, *, at: int) -> Tensor:
        seed_generators(step_seed(1, at, 1, number), torch.device("cpu"))
        found: Tensor = other(pixels(piece))
        return found

    with forked_generators(torch.device("cpu")):
        parts = [described(number, piece, at=2) for number, piece in enumerate(cut(NUM_IMAGES, pieces=4))]
        again = described(0, cut(NUM_IMAGES, pieces=4)[0], at=3)
    loss, _ = objective_of()(torch.cat(parts), torch.from_numpy(batch.labels))
    loss.backward()
    assert furthest(gradients_of(model), gradients_of(other)) <= 1e-5
    assert not torch.allclose(parts[0], again), "dropout is at work"


def test_batch_norm_counts_every_piece_once() -> None:
    batch, images = images_of(6)
    model = convap().train()
    step = step_of(cpu(), model, micro_batch=7)
    other = copy.deepcopy(model)
    step(batch, images, epoch=0, step=0)
    pixels = step._pixels(batch, images, share=slice(0, NUM_IMAGES), epoch=0)
    for piece in cut(NUM_IMAGES, pieces=3):
        other(pixels(piece))
    for (name, found), wanted in zip(model.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(found, wanted, msg=name)


@pytest.mark.parametrize("micro_batch", [None, 7])
def test_the_host_waits_for_nothing(micro_batch: int | None) -> None:
    batch, images = images_of(6)
    # What a process computes once (tables of the augmentation) is no part of a step.
    step_of(cpu(), convap().train(), micro_batch=micro_batch, augmentation=RandAugment())(
        batch, images, epoch=0, step=0
    )
    step = step_of(cpu(), convap().train(), micro_batch=micro_batch, augmentation=RandAugment())
    for number in range(2):  # the first one makes the optimizer's state
        with Dispatched() as seen:
            step(batch, images, epoch=0, step=number)
        assert seen.num_operators > 100
        assert seen.waits == []


def test_the_objective_sees_float32_outside_mixed_precision_and_exact_products() -> None:
    seen: list[tuple[Any, ...]] = []

    def objective(descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mixed = torch.is_autocast_enabled("cpu")
        seen.append((descriptors.dtype, mixed, torch.get_float32_matmul_precision()))
        return descriptors.square().sum(), torch.zeros(())

    batch, images = images_of(2)
    model = convap().train()
    inside: list[bool] = []
    model.aggregator.register_forward_hook(lambda *_: inside.append(torch.is_autocast_enabled("cpu")))
    torch.set_float32_matmul_precision("medium")
    try:
        step_of(cpu("bf16-mixed"), model, objective=objective)(batch, images, epoch=0, step=0)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == [(torch.float32, False, "highest")]
    assert inside == [True]
    with full_matmul_precision():
        assert torch.get_float32_matmul_precision() == "highest"


def test_steps_lower_the_loss_in_bf16_and_in_pieces_too() -> None:
    batch, images = images_of(6)
    for precision, micro_batch in (("32-true", None), ("bf16-mixed", None), ("32-true", 6)):
        step = step_of(cpu(precision), convap().train(), micro_batch=micro_batch)
        losses = [float(step(batch, images, epoch=0, step=number)[0]) for number in range(12)]
        assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3]), (precision, micro_batch)


def nan_loss(descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return descriptors.sum() * torch.nan, torch.zeros(())


def infinite_gradient(descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return (descriptors - descriptors.detach()).abs().sqrt().sum() * 0.0 + 1.0, torch.zeros(())


class NanPixels:
    """An augmentation that breaks one image."""

    def __call__(self, images: Tensor, seeds: Any, *, upload: Any, plain: bool = False) -> Any:
        unit = images.float() / 255.0
        unit[0, 0, 0, 0] = torch.nan
        return lambda piece: unit[piece]


SPOILERS: dict[str, dict[str, Any]] = {
    "loss": {"objective": nan_loss},
    "gradient": {"objective": infinite_gradient},
    "descriptors that the library overlooks": {"objective": objective_of(plain=True), "augmentation": NanPixels()},
    "descriptors": {"augmentation": NanPixels()},
}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "fused adamw": adamw,
    "fused adam": partial(torch.optim.Adam, lr=1e-3, fused=True),
    "fused sgd": partial(torch.optim.SGD, lr=1e-3, momentum=0.9, fused=True),
    "adamw": partial(torch.optim.AdamW, lr=1e-3),
    "sgd": partial(torch.optim.SGD, lr=1e-3, momentum=0.9),
}


@pytest.mark.parametrize("spoiler", sorted(SPOILERS))
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_step_that_is_not_finite_changes_nothing(spoiler: str, optimizer: str) -> None:
    batch, images = images_of(4)
    model = convap().train()
    step = step_of(cpu(), model, optimizer=OPTIMIZERS[optimizer])
    step(batch, images, epoch=0, step=0)
    inner = step._update._inner
    before = state_of(model, inner)
    assert len(before) > len(model.state_dict()), "the optimizer has a state"
    spoiled = step_of(cpu(), model, optimizer=lambda parameters: inner, **SPOILERS[spoiler])
    found = spoiled(batch, images, epoch=0, step=1)
    assert found[METRICS.index("finite")] == 0.0
    assert_same(state_of(model, inner), before)
    after = step(batch, images, epoch=0, step=1)
    assert after[METRICS.index("finite")] == 1.0
    assert not torch.equal(model.state_dict()["backbone.model.conv1.weight"], before["backbone.model.conv1.weight"])


@pytest.mark.parametrize("optimizer", ["fused adamw", "fused sgd", "sgd"])
def test_a_spoiled_first_step_leaves_no_trace_in_the_second(optimizer: str) -> None:
    batch, images = images_of(4)
    models = [convap().train() for _ in range(2)]
    steps = [step_of(cpu(), model, optimizer=OPTIMIZERS[optimizer]) for model in models]
    inner = steps[0]._update._inner
    step_of(cpu(), models[0], optimizer=lambda parameters: inner, objective=nan_loss)(batch, images, epoch=0, step=0)
    for step in steps:
        step(batch, images, epoch=0, step=1)
    assert_same(*(state_of(model, step._update._inner) for model, step in zip(models, steps, strict=True)))


def fp16(initial_scale: float) -> Fabric:
    scaler = torch.amp.GradScaler("cpu", init_scale=initial_scale)
    return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])


@pytest.mark.parametrize("optimizer", ["fused adamw", "fused sgd", "adamw"])
def test_an_overflow_of_the_fp16_scale_is_skipped_and_is_no_failure(optimizer: str) -> None:
    batch, images = images_of(4)
    model = salad().train()
    step = step_of(fp16(2.0**127), model, optimizer=OPTIMIZERS[optimizer])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = step(batch, images, epoch=0, step=0)
    assert found[METRICS.index("finite")] == 1.0
    assert not found[METRICS.index("gradient_norm")].isfinite()
    assert_same(dict(model.state_dict()), before)
    assert step._update._scaler is not None
    assert step._update._scaler.get_scale() == 2.0**126


def test_fp16_reports_the_norm_without_its_scale_and_skips_what_the_loss_says() -> None:
    batch, images = images_of(4)
    norms = [
        float(step_of(fabric, salad().train())(batch, images, epoch=0, step=0)[METRICS.index("gradient_norm")])
        for fabric in (cpu(), fp16(256.0))
    ]
    assert norms[1] == pytest.approx(norms[0], rel=0.02)
    model = salad().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    # Zero gradients and a NaN loss: the scaler alone would step.
    found = step_of(
        fp16(256.0), model, objective=lambda found, labels: ((found * 0.0).sum() + torch.nan, torch.zeros(()))
    )(batch, images, epoch=0, step=0)
    assert found[METRICS.index("finite")] == 0.0
    assert_same(dict(model.state_dict()), before)
