"""Models made ready to describe: batch norms folded into the convolutions before them, weights in 16 bits."""

import copy
from typing import Final

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CANNOT_TRACE: Final = (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, KeyError)
"""What tracing raises at code that looks at shapes or values; the parts of such a module are traced on their own."""


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of `model` in eval mode in which batch norms are part of the convolution before them.

    A batch norm with running statistics is an affine map of each channel, so its numbers go into the weights (as in
    Jacob et al. 2017, arXiv 1712.05877, section 3.2) and nothing is left to compute. A model without batch norms comes
    back as a plain copy, and so does every batch norm whose input is not one convolution's output and nothing else.

    Args:
        model: Any module; left as it is.
    """
    copied = copy.deepcopy(model).eval()
    for convolution, norm in _pairs(copied):
        first, second = copied.get_submodule(convolution), copied.get_submodule(norm)
        assert isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)  # noqa: PT018 - `_fit` has looked
        copied.set_submodule(convolution, fuse_conv_bn_eval(first, second))
        copied.set_submodule(norm, nn.Identity())
    return copied


def store_in_16_bits(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert the weights of convolutions and linear layers of the backbone in place, for use under autocast.

    Autocast would convert them anew for every batch. Aggregators keep theirs: some compute in float32 on purpose.

    Args:
        model: With a `backbone`; another module stays as it is.
        dtype: bfloat16 or float16.
    """
    backbone = getattr(model, "backbone", None)
    if isinstance(backbone, nn.Module):
        for module in backbone.modules():
            if type(module) in (nn.Conv2d, nn.Linear):
                module.to(dtype)
    return model


def _pairs(model: nn.Module) -> list[tuple[str, str]]:
    """Names of (convolution, batch norm) that can become one, in the order of the modules."""
    names: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(id(module), []).append(name)
    found = _traced(model)
    # A module that is used in two places is folded in neither.
    once = {parts[0] for parts in names.values() if len(parts) == 1}
    return [(convolution, norm) for convolution, norm in found if convolution in once and norm in once]


def _traced(module: nn.Module, prefix: str = "") -> list[tuple[str, str]]:
    if not any(type(part) is nn.BatchNorm2d for part in module.modules()):
        return []
    try:
        graph = fx.Tracer().trace(module)
    except _CANNOT_TRACE:
        parts = [(f"{prefix}{name}.", child) for name, child in module.named_children()]
        return [pair for name, child in parts for pair in _traced(child, name)]
    return [(prefix + convolution, prefix + norm) for convolution, norm in _in_graph(module, graph)]


def _in_graph(module: nn.Module, graph: fx.Graph) -> list[tuple[str, str]]:
    calls = [node for node in graph.nodes if node.op == "call_module"]
    targets = [str(node.target) for node in calls]
    pairs = []
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        convolution, norm = str(before.target), str(node.target)
        if targets.count(convolution) == targets.count(norm) == 1 and _fit(module, convolution, norm):
            pairs.append((convolution, norm))
    return pairs


def _fit(module: nn.Module, convolution: str, norm: str) -> bool:
    first, second = module.get_submodule(convolution), module.get_submodule(norm)
    return type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d and second.running_mean is not None
