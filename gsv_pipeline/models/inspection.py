"""Guesses about checkpoint files, for error messages: whose weights they are, what a pickle wanted to import."""

import pickle
import pickletools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
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
        return f"{_guess_backbone(state, 'backbone.model.')} + {_guess_aggregator(state)}"
    if "conv1.weight" in state and any(name.startswith("layer1.") for name in state):
        return f"a bare {_guess_resnet(state, '')} of torchvision (for the backbone's 'weights')"
    if "cls_token" in state:
        return f"a bare {_guess_transformer(state, '')} (for the backbone's 'weights')"
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


def _guess_backbone(state: Mapping[str, Tensor], prefix: str) -> str:
    if f"{prefix}conv1.weight" in state:
        return _guess_resnet(state, prefix)
    return _guess_transformer(state, prefix) if f"{prefix}cls_token" in state else "a backbone of another kind"


def _guess_transformer(state: Mapping[str, Tensor], prefix: str) -> str:
    start = f"{prefix}blocks."
    depth = len({name[len(start) :].split(".")[0] for name in state if name.startswith(start)})
    registers = " with registers" if {f"{prefix}reg_token", f"{prefix}register_tokens"} & set(state) else ""
    width = state[f"{prefix}cls_token"].shape[-1:].numel()
    return f"vision transformer{registers} (width {width}, depth {depth})"


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
    start = "aggregator."
    shapes = {name[len(start) :]: tuple(value.shape) for name, value in state.items() if name.startswith(start)}
    for marks, describe in AGGREGATOR_MARKS.items():
        if set(marks) <= set(shapes):
            with suppress(IndexError):  # a known name on a tensor of another rank
                return describe(shapes)
    return "an unknown aggregator" if shapes else "avg"


Shapes = Mapping[str, tuple[int, ...]]


def _describe_mixvpr(shapes: Shapes) -> str:
    mixers = len({name.split(".")[1] for name in shapes if name.startswith("mix.")})
    channels, rows = shapes["channel_proj.weight"][0], shapes["row_proj.weight"]
    return f"mixvpr (out_channels {channels}, out_rows {rows[0]}, mix_depth {mixers}, {rows[1]} cells)"


def _describe_boq(shapes: Shapes) -> str:
    queries, layers = shapes["boqs.0.queries"][1], len({n.split(".")[1] for n in shapes if n.startswith("boqs.")})
    width, rows = shapes["proj_c.weight"][0], shapes["fc.weight"][0]
    return f"boq (proj_channels {width}, num_queries {queries}, num_layers {layers}, row_dim {rows})"


def _describe_salad(shapes: Shapes) -> str:
    clusters, width = shapes["score.3.weight"][0], shapes["cluster_features.3.weight"][0]
    return f"salad (num_clusters {clusters}, cluster_dim {width}, token_dim {shapes['token_features.2.weight'][0]})"


AGGREGATOR_MARKS: Final[Mapping[tuple[str, ...], Callable[[Shapes], str]]] = {
    ("channel_pool.weight",): lambda shapes: f"convap (out_channels {shapes['channel_pool.weight'][0]})",
    ("fc.weight", "gem.p"): lambda shapes: f"cosplace (out_channels {shapes['fc.weight'][0]})",
    ("p",): lambda _: "gem",
    ("centroids", "conv.weight"): lambda shapes: f"netvlad (clusters {shapes['centroids'][0]})",
    ("channel_proj.weight", "row_proj.weight"): _describe_mixvpr,
    ("boqs.0.queries", "fc.weight", "proj_c.weight"): _describe_boq,
    ("cluster_features.3.weight", "score.3.weight", "token_features.2.weight"): _describe_salad,
}
"""Names that only one aggregator has -> words for it."""
