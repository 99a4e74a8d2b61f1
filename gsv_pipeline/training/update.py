"""Gradients -> weights, or nothing at all where a number is not finite; the device decides, the host does not wait."""

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer


class Update:
    """One step of an optimizer.

    A step that does not count leaves weights and state bit by bit as they were. Fused optimizers look at the flag on
    the device; for others the host has to wait for it.

    Args:
        fabric: Knows the precision, and fp16's scaler with it.
        optimizer: As `fabric.setup` returned it.
    """

    def __init__(self, fabric: Fabric, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._inner: Optimizer = getattr(optimizer, "optimizer", optimizer)
        self._scaler: torch.amp.GradScaler | None = getattr(fabric.strategy.precision, "scaler", None)

    def __call__(self, is_sound: Tensor) -> tuple[Tensor, Tensor]:
        """Step if `is_sound` and every gradient is finite.

        Args:
            is_sound: Boolean scalar on the device.

        Returns:
            Norm of all gradients together, and whether everything was finite. With fp16's scaler gradients that its
            scale made overflow count as finite: it skips that step, lowers the scale, and training goes on.
        """
        gradients = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
        norm = get_total_norm(gradients)
        is_finite = is_sound & norm.isfinite()
        if self._scaler is not None:
            return self._step_scaled(gradients, norm=norm, is_sound=is_sound)
        if all(group.get("fused") for group in self._inner.param_groups):
            self._step_fused(is_finite)
        elif bool(is_finite):
            self._optimizer.step()
        return norm, is_finite

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self._inner.param_groups for parameter in group["params"]]

    def _step_fused(self, is_finite: Tensor) -> None:
        self._fill_momentum()
        # How fp16's scaler tells fused optimizers to leave everything as it is.
        self._inner.grad_scale = None  # type: ignore[attr-defined]
        self._inner.found_inf = (~is_finite).float()  # type: ignore[attr-defined]
        try:
            self._optimizer.step()
        finally:
            del self._inner.grad_scale, self._inner.found_inf  # type: ignore[attr-defined]

    def _step_scaled(self, gradients: list[Tensor], *, norm: Tensor, is_sound: Tensor) -> tuple[Tensor, Tensor]:
        assert self._scaler is not None
        self._fill_momentum()
        # The scaler judges by the gradients alone, so it is told through one of them.
        gradients[0].add_(torch.where(is_sound, 0.0, torch.nan))
        scale = self._scaler.scale(torch.ones_like(norm))
        self._optimizer.step()
        return norm / scale, is_sound & (norm.isfinite() | (scale > 1.0))

    def _fill_momentum(self) -> None:
        """SGD's first step allocates its momentum and fills it only if the step counts; zeros mean the same."""
        if not isinstance(self._inner, torch.optim.SGD):
            return
        for group in self._inner.param_groups:
            if group["momentum"] and not group["dampening"]:
                for parameter in group["params"]:
                    state = self._inner.state[parameter]
                    if parameter.grad is not None and state.get("momentum_buffer") is None:
                        state["momentum_buffer"] = torch.zeros_like(parameter)
