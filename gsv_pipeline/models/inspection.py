"""Guesses about checkpoint files, for error messages: whose weights they are, what a pickle wanted to import."""

import pickle
import pickletools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from torch import Tensor

# Blocks per layer tell the depth; conv3 tells the bottleneck (He et al. 2015, table 1).
DEPTHS: Final = {(2, 2, False): "resnet18", (3, 4, False): "resnet34", (3, 4, True): "resnet50"}

KINDS: Final = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
ORDINARY: Final = (
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(f"torch.{kind}Storage" for kind in KINDS),
)
"""What the pickle of a plain state dict imports."""


def guess_model(state: Mapping[str, Tensor]) -> str:
    """Say which model the names and shapes belong to, as far as they tell.

    Args:
        state: Tensors by name.

    Returns:
        Words for the reader, such as "resnet18 without layer4 + convap (out_channels 64)".
    """
    if any(name.startswith("backbone.model.") for name in state):
        return f"{_guess_resnet(state, 'backbone.model.')} + {_guess_aggregator(state)}"
    if "conv1.weight" in state and any(name.startswith("layer1.") for name in state):
        return f"a bare {_guess_resnet(state, '')} of torchvision (for the backbone's 'weights')"
    return f"another kind of model (its first key is '{next(iter(state), '')}')"


def refused_names(path: Path, message: str) -> list[str]:
    """What a pickle names beside tensors; found without executing it.

    Args:
        path: A file that `torch.load` refused.
        message: What torch said; it names the first such thing in its own format.

    Returns:
        Dotted names, sorted; empty if the file is no pickle or names nothing.
    """
    named = re.search(r"GLOBAL ([\w.]+)", message)
    names = [named.group(1)] if named else _imports_of(path)
    # A checkpoint that is cut short may end inside such a name, hence any beginning of an ordinary one.
    return sorted({name for name in names if not any(ordinary.startswith(name) for ordinary in ORDINARY)})


def _imports_of(path: Path) -> Iterator[str]:
    texts: list[str] = []
    try:
        with path.open("rb") as file:
            if file.read(1) != pickle.PROTO:
                return  # older protocols are text, and any text could look like one
            file.seek(0)
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name == "GLOBAL":
                    yield str(argument).replace(" ", ".")
                elif opcode.name == "STACK_GLOBAL":
                    yield ".".join(texts[-2:])
                elif isinstance(argument, str):
                    texts.append(argument)
    except (ValueError, IndexError, UnicodeDecodeError, OSError):
        return  # no pickle, or only the beginning of one: what was found so far stands


def _guess_resnet(state: Mapping[str, Tensor], prefix: str) -> str:
    def blocks(layer: int) -> int:
        start = f"{prefix}layer{layer}."
        return len({name[len(start) :].split(".")[0] for name in state if name.startswith(start)})

    bottleneck = f"{prefix}layer1.0.conv3.weight" in state
    name = DEPTHS.get((blocks(1), blocks(2), bottleneck), "a ResNet of another depth")
    # Depths 101 and 152 differ from 50 only in later layers.
    if blocks(3) > (6 if name != "resnet18" else 2):
        name = "a deeper ResNet"
    cropped = [f"layer{layer}" for layer in (3, 4) if not blocks(layer)]
    return f"{name} without {' and '.join(cropped)}" if cropped else name


def _guess_aggregator(state: Mapping[str, Tensor]) -> str:
    if "aggregator.channel_pool.weight" in state:
        return f"convap (out_channels {len(state['aggregator.channel_pool.weight'])})"
    if "aggregator.fc.weight" in state and "aggregator.gem.p" in state:
        return f"cosplace (out_channels {len(state['aggregator.fc.weight'])})"
    if "aggregator.p" in state:
        return "gem"
    others = any(name.startswith("aggregator.") for name in state)
    return "an unknown aggregator" if others else "avg"
