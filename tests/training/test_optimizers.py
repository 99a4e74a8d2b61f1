"""Optimizers take what can learn; schedules are plain numbers that a reader can check by eye."""

import pytest
import torch

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.training.optimizers import OPTIMIZERS, SCHEDULES, build_optimizer

LENGTHS = {"steps_per_epoch": 10, "total_steps": 100}


def parameter(value=1.0, trainable=True):
    return torch.nn.Parameter(torch.tensor([value]), requires_grad=trainable)


def step_once(name, *, gradient=0.5, learning_rate=0.1, weight_decay=0.2):
    weight = parameter()
    optimizer = build_optimizer(name, [weight], learning_rate=learning_rate, weight_decay=weight_decay)
    weight.grad = torch.tensor([gradient])
    optimizer.step()
    return weight.item()


def test_there_are_optimizers_and_schedules():
    assert set(OPTIMIZERS) == {"adamw", "adam", "sgd"}
    assert set(SCHEDULES) == {"constant", "linear", "multi_step", "one_cycle"}


def test_adamw_shrinks_the_weight_apart_from_the_gradient():
    # 1 - lr * decay = 0.98, then Adam's first step of one learning rate.
    assert step_once("adamw") == pytest.approx(0.98 - 0.1, abs=1e-6)


def test_adam_is_adam_with_the_decay_inside_the_gradient():
    # Adam's first step has the length of the learning rate, whatever the gradient.
    assert step_once("adam") == pytest.approx(1.0 - 0.1, abs=1e-6)
    assert type(build_optimizer("adam", [parameter()], learning_rate=0.1)) is torch.optim.Adam


def test_adam_and_adamw_agree_without_decay():
    assert step_once("adam", weight_decay=0.0) == step_once("adamw", weight_decay=0.0)


def test_sgd_adds_decay_to_the_gradient():
    assert step_once("sgd") == pytest.approx(1.0 - 0.1 * (0.5 + 0.2), abs=1e-6)


def test_sgd_momentum_is_the_reference_one_unless_it_is_set():
    assert build_optimizer("sgd", [parameter()], learning_rate=0.03).defaults["momentum"] == 0.9
    assert build_optimizer("sgd", [parameter()], learning_rate=0.03, momentum=0.5).defaults["momentum"] == 0.5


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_frozen_parameters_are_left_out(name):
    frozen, free = parameter(trainable=False), parameter()
    optimizer = build_optimizer(name, iter([frozen, free]), learning_rate=0.1)
    assert [value for group in optimizer.param_groups for value in group["params"]] == [free]


def test_nothing_to_train_is_refused():
    with pytest.raises(ConfigError, match=r"every parameter is frozen\. Lower the backbone's 'layers_to_freeze'"):
        build_optimizer("adamw", [parameter(trainable=False)], learning_rate=0.1)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("adamv", {}, "Unknown optimizer 'adamv'. Did you mean 'adam"),
        ("adamw", {"momentum": 0.9}, "optimizer 'adamw': unexpected argument 'momentum'"),
        ("sgd", {"momentum": 1.0}, "'momentum' is 1.0"),
        ("adamw", {"learning_rate": 0.0}, "'learning_rate' is 0.0"),
        ("adamw", {"learning_rate": "2e-4"}, "in YAML write"),
        ("adamw", {"weight_decay": -0.1}, "'weight_decay' is -0.1"),
    ],
)
def test_bad_optimizers_are_refused(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build_optimizer(name, [parameter()], **{"learning_rate": 0.1, **arguments})


def test_linear_falls_along_a_line_and_stays_at_its_end():
    whole, short = SCHEDULES.build("linear", end_factor=0.2), SCHEDULES.build("linear", end_factor=0.2, steps=4)
    last = LENGTHS["total_steps"] - 1
    assert [whole(step, **LENGTHS) for step in (0, last, last + 50)] == pytest.approx([1.0, 0.2, 0.2])
    assert [short(step, **LENGTHS) for step in (0, 1, 2, 4, 5)] == pytest.approx([1.0, 0.8, 0.6, 0.2, 0.2])


def test_constant_is_one_after_its_warm_up():
    plain, warmed = SCHEDULES.build("constant"), SCHEDULES.build("constant", warmup_steps=4)
    assert [plain(step, **LENGTHS) for step in (0, 5, 99)] == [1.0, 1.0, 1.0]
    assert [warmed(step, **LENGTHS) for step in (0, 1, 2, 3, 4, 99)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_the_published_warm_up_and_milestones():
    schedule = SCHEDULES.build("multi_step")
    lengths = {"steps_per_epoch": 625, "total_steps": 30 * 625}
    assert schedule(0, **lengths) == pytest.approx(1 / 600)
    assert schedule(299, **lengths) == pytest.approx(0.5)
    assert schedule(599, **lengths) == 1.0
    assert schedule(600, **lengths) == 1.0
    for epoch, factor in [
        (4, 1.0),
        (5, 0.3),
        (9, 0.3),
        (10, 0.09),
        (15, 0.027),
        (24, 0.027),
        (25, 0.0081),
        (29, 0.0081),
    ]:
        assert schedule(epoch * 625, **lengths) == pytest.approx(factor)
        assert schedule(epoch * 625 + 624, **lengths) == pytest.approx(factor)


def reference_rates(*, warmup_steps, milestones, gamma, steps_per_epoch, epochs):
    """MultiStepLR stepped once an epoch, its rate overwritten during the warm-up, as FIELD describes the reference."""
    optimizer = torch.optim.SGD([parameter()], lr=1.0)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=milestones, gamma=gamma)
    rates = []
    for step in range(steps_per_epoch * epochs):
        if step < warmup_steps:
            optimizer.param_groups[0]["lr"] = (step + 1) / warmup_steps
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % steps_per_epoch == 0:
            scheduler.step()
    return rates


@pytest.mark.parametrize("warmup_steps", [0, 7, 20, 23, 45])
def test_multi_step_is_the_reference_also_where_warm_up_and_milestones_overlap(warmup_steps):
    arguments = {"warmup_steps": warmup_steps, "milestones": [2, 4, 5], "gamma": 0.3}
    schedule = SCHEDULES.build("multi_step", **arguments)
    rates = [schedule(step, steps_per_epoch=10, total_steps=80) for step in range(80)]
    assert rates == pytest.approx(reference_rates(**arguments, steps_per_epoch=10, epochs=8), abs=1e-12)


@pytest.mark.parametrize("total", [10, 97, 360])
@pytest.mark.parametrize("fraction", [0.25, 0.5])
def test_one_cycle_is_that_of_torch(total, fraction):
    optimizer = torch.optim.SGD([parameter()], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=total, pct_start=fraction, cycle_momentum=False
    )
    schedule = SCHEDULES.build("one_cycle", warmup_fraction=fraction)
    for step in range(total):
        assert schedule(step, steps_per_epoch=5, total_steps=total) == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=1e-12
        )
        optimizer.step()
        if step + 1 < total:
            scheduler.step()


def test_one_cycle_rises_from_its_start_to_one_and_falls_to_its_end():
    schedule = SCHEDULES.build("one_cycle", warmup_fraction=0.25, start_factor=0.1, end_factor=0.01)
    factors = [schedule(step, **LENGTHS) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[24] == 1.0
    assert factors[99] == pytest.approx(0.01)
    assert factors[:25] == sorted(factors[:25])
    assert factors[24:] == sorted(factors[24:], reverse=True)


def test_one_cycle_without_warm_up_starts_at_one():
    assert SCHEDULES.build("one_cycle", warmup_fraction=0.0)(0, **LENGTHS) == 1.0


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@pytest.mark.parametrize("total", [1, 2, 3, 100])
def test_factors_stay_between_zero_and_one_also_for_short_runs_and_after_the_end(name, total):
    schedule = SCHEDULES.build(name)
    factors = [schedule(step, steps_per_epoch=1, total_steps=total) for step in range(total + 5)]
    assert all(0.0 < factor <= 1.0 for factor in factors)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_keeps_no_memory_of_the_steps_before(name):
    schedule = SCHEDULES.build(name)
    forwards = [schedule(step, **LENGTHS) for step in range(100)]
    backwards = [schedule(step, **LENGTHS) for step in reversed(range(100))]
    assert forwards == backwards[::-1]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("multistep", {}, "Did you mean 'multi_step'"),
        ("multi_step", {"milestone": [3]}, "Did you mean 'milestones'"),
        ("multi_step", {"milestones": "5,10"}, "'milestones' is '5,10'; expected a list"),
        ("multi_step", {"milestones": [0]}, "'milestones' is 0"),
        ("multi_step", {"gamma": 0}, "'gamma' is 0"),
        ("multi_step", {"warmup_steps": 1.5}, "'warmup_steps' is 1.5"),
        ("constant", {"warmup_steps": -1}, "'warmup_steps' is -1"),
        ("one_cycle", {"warmup_fraction": 1.0}, "'warmup_fraction' is 1.0"),
        ("one_cycle", {"end_factor": -1.0}, "'end_factor' is -1.0"),
    ],
)
def test_bad_schedules_are_refused(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        SCHEDULES.build(name, **arguments)
