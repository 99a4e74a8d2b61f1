"""`torch.compile` where it works: a model that cannot be compiled is trained as it is, and says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
import torch._dynamo
import torch._functorch.config
from torch import nn

from gsv_pipeline.tracking import Tracker

INDUCTOR: Final = "inductor"

_EARLY: Final = "force_non_lazy_backward_lowering"


def compile_or_warn(model: nn.Module, tracker: Tracker, *, backend: str | Callable[..., Any] = INDUCTOR) -> nn.Module:
    """Compile a model for training, in place: names of weights, copies and checkpoints stay as they are.

    That happens at the first call. From a second batch size on (the last batch of an epoch, pieces) the size may be
    any, so there are two compilations and not one for each size. Outside training the model runs as it is: recalls
    are stated for that.

    Args:
        model: Changed in place; before `fabric.setup`.
        tracker: Told if it cannot be compiled.
        backend: torch's name of a backend, or a backend.

    Returns:
        `model`.
    """
    # Draws of eager dropout, so that a piece that is described twice, with a graph and without, is described alike.
    options: dict[str, Any] | None = {"fallback_random": True} if backend == INDUCTOR else None
    try:
        compiled = torch.compile(model._call_impl, backend=backend, options=options)
    except RuntimeError as error:  # this Python or this system has no torch.compile
        _say(tracker, error)
        return model
    model._compiled_call_impl = _Guarded(model, compiled, tracker)
    return model


class _Guarded:
    """The compiled call of a model, until it fails to compile."""

    def __init__(self, model: nn.Module, compiled: Callable[..., Any], tracker: Tracker) -> None:
        self._model = model
        self._compiled = compiled
        self._tracker = tracker

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._model.training:
            return self._plain(*args, **kwargs)
        try:
            with _backward_compiled_early():
                return self._compiled(*args, **kwargs)
        except torch._dynamo.exc.TorchDynamoException as error:
            returned = self._plain(*args, **kwargs)  # an error of the model itself is raised here, and as what it is
            _say(self._tracker, error)
            self._model._compiled_call_impl = None
            return returned

    def _plain(self, *args: Any, **kwargs: Any) -> Any:
        return self._model._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]


@contextmanager
def _backward_compiled_early() -> Iterator[None]:
    """With the forward pass, where a failure can still be answered; older torch compiles it when it is needed."""
    if not hasattr(torch._functorch.config, _EARLY):
        yield
        return
    with torch._functorch.config.patch({_EARLY: True}):
        yield


def _say(tracker: Tracker, error: BaseException) -> None:
    inner = getattr(error, "inner_exception", error)  # what the backend said, without what dynamo says about it
    reason = next((line.strip() for line in str(inner).splitlines() if line.strip()), type(inner).__name__)
    tracker.message(f"torch.compile does not work here ({reason}); training goes on without it, more slowly.")
