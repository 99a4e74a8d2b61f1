"""Optimizers, and learning-rate schedules as pure functions of the step, so that resuming needs no state of theirs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_number, require_whole, require_wholes
from gsv_pipeline.registry import Registry

FILLED_IN: Final = ("parameters", "learning_rate", "weight_decay")
"""Arguments of an optimizer that do not stand among its own in an experiment."""


def build_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    **arguments: float,
) -> Optimizer:
    """Build an optimizer over the parameters that can learn; frozen ones are left out.

    Args:
        name: Row of `OPTIMIZERS`.
        parameters: Those of the model, frozen or not.
        learning_rate: Base rate, multiplied by the schedule's factor.
        weight_decay: Pull towards zero, per step.
        **arguments: What the row takes beside these (`momentum` of `sgd`).

    Raises:
        ConfigError: Unknown name or argument, a value out of range, or everything is frozen.
    """
    OPTIMIZERS.check(name, arguments, provided=FILLED_IN)
    require_number(f"optimizer '{name}'", above=0.0, learning_rate=learning_rate)
    require_number(f"optimizer '{name}'", least=0.0, weight_decay=weight_decay)
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    if not trainable:
        raise ConfigError(
            "Nothing to train: every parameter is frozen. Lower the backbone's 'layers_to_freeze', raise its "
            "'trained_blocks', or choose an aggregator with parameters."
        )
    return OPTIMIZERS.build(
        name, parameters=trainable, learning_rate=learning_rate, weight_decay=weight_decay, **arguments
    )


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> Optimizer:
    """AdamW, Loshchilov and Hutter 2017 (arXiv 1711.05101)."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> Optimizer:
    """Adam, Kingma and Ba 2014 (arXiv 1412.6980), whose weight decay is part of the gradient."""
    # The reference builds AdamW under this name. Its published recipe is our `adamw`; with decay 0 they agree.
    return torch.optim.Adam(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)


def sgd(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, momentum: float = 0.9
) -> Optimizer:
    """Stochastic gradient descent with momentum."""
    require_number("optimizer 'sgd'", least=0.0, below=1.0, momentum=momentum)
    return torch.optim.SGD(parameters, lr=learning_rate, weight_decay=weight_decay, momentum=momentum, fused=True)


class Schedule(Protocol):
    """The factor on the base learning rate at a step."""

    def __call__(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Factor for optimizer step `step`, counted from 0 over all epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One rate throughout, after a linear warm-up.

    Args:
        warmup_steps: Step s of these has (s + 1) / warmup_steps of the rate.

    Raises:
        ConfigError: `warmup_steps` is no whole number.
    """

    warmup_steps: int = 0

    def __post_init__(self) -> None:
        require_whole("schedule 'constant'", least=0, warmup_steps=self.warmup_steps)

    def __call__(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """See `Schedule`."""
        return (step + 1) / self.warmup_steps if step < self.warmup_steps else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiStep:
    """Linear warm-up, then a drop at each milestone: the published recipe's schedule.

    Args:
        warmup_steps: Step s of these has (s + 1) / warmup_steps of the rate.
        milestones: Epochs, counted from 0, from whose first step on the rate is multiplied by `gamma`. A milestone
            inside the warm-up never takes effect, since the reference's warm-up overwrites it.
        gamma: Factor per milestone.

    Raises:
        ConfigError: A value of the wrong kind.
    """

    warmup_steps: int = 600
    milestones: Sequence[int] = (5, 10, 15, 25)
    gamma: float = 0.3

    def __post_init__(self) -> None:
        owner = "schedule 'multi_step'"
        require_whole(owner, least=0, warmup_steps=self.warmup_steps)
        require_number(owner, above=0.0, gamma=self.gamma)
        require_wholes(owner, milestones=self.milestones)

    def __call__(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """See `Schedule`."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        starts = [milestone * steps_per_epoch for milestone in self.milestones]
        return float(self.gamma ** sum(self.warmup_steps <= start <= step for start in starts))


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCycle:
    """Up to the base rate and down again, both along half a cosine (Smith and Topin 2017, arXiv 1708.07120).

    Args:
        warmup_fraction: Share of all steps on the way up.
        start_factor: Factor at the first step.
        end_factor: Factor at the last step, and after it.

    Raises:
        ConfigError: A value out of range.
    """

    warmup_fraction: float = 0.25
    start_factor: float = 0.04
    end_factor: float = 4e-6

    def __post_init__(self) -> None:
        owner = "schedule 'one_cycle'"
        require_number(owner, least=0.0, below=1.0, warmup_fraction=self.warmup_fraction)
        require_number(owner, least=0.0, start_factor=self.start_factor, end_factor=self.end_factor)

    def __call__(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """See `Schedule`."""
        # Where torch's OneCycleLR has its peak, so that the two give the same numbers.
        peak = max(self.warmup_fraction * total_steps - 1.0, 0.0)
        if step < peak:
            return _cosine(self.start_factor, 1.0, share=step / peak)
        rest = max(total_steps - 1 - peak, 1e-9)
        return _cosine(1.0, self.end_factor, share=min((step - peak) / rest, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Down along a line, as in SALAD's recipe (github.com/serizba/salad, main.py).

    Args:
        end_factor: Factor after `steps`, and from then on.
        steps: How many the way down takes; None: all of them.

    Raises:
        ConfigError: A value out of range.
    """

    end_factor: float = 0.2
    steps: int | None = None

    def __post_init__(self) -> None:
        owner = "schedule 'linear'"
        require_number(owner, least=0.0, end_factor=self.end_factor)
        if self.steps is not None:
            require_whole(owner, least=1, steps=self.steps)

    def __call__(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """See `Schedule`."""
        share = min(step / max(self.steps or total_steps - 1, 1), 1.0)
        return 1.0 + (self.end_factor - 1.0) * share


def _cosine(start: float, end: float, *, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", {"adamw": adamw, "adam": adam, "sgd": sgd})

SCHEDULES: Registry[Schedule] = Registry(
    "schedule", {"constant": Constant, "linear": Linear, "multi_step": MultiStep, "one_cycle": OneCycle}
)
