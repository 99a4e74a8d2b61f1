"""Checkpoints that others released: how they name their tensors, and how that becomes our names."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

BACKBONE: Final = "backbone.model."
STAGES: Final = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
"""A ResNet's parts in the order in which a sequence of them counts."""

WRAPPED: Final = re.compile(r"(?P<wrapper>(?:.*?\.)?)(?:backbone|aggregator)\.")
COMPILED: Final = "_orig_mod."
"""What `torch.compile` puts before the names of whatever it compiled."""


@dataclass(frozen=True, slots=True)
class Release:
    """One way of naming the tensors of a model.

    Args:
        marker: Matches, from its beginning, some name of every file of this kind and of no other kind.
        rename: State dict and the names that the model wants -> state dict under our names.
    """

    marker: re.Pattern[str]
    rename: Callable[[Mapping[str, Tensor], Collection[str]], dict[str, Tensor]]


def as_ours(state: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """Give the tensors of a released checkpoint our names.

    Names of the aggregators need nothing, since ours were chosen to be the released ones; what differs is how
    backbones are wrapped. A file that nobody here knows is returned as it is, for the strict comparison to refuse.

    Args:
        state: Tensors by name, as the file holds them.
        wanted: Names of the model that they are for.

    Returns:
        Tensors by our names; `state` itself if it has the wanted names already.
    """
    if set(state) == set(wanted):
        return dict(state)
    renamed = _unwrapped(state)
    for release in RELEASED.values():
        if any(release.marker.match(name) for name in renamed):
            renamed = release.rename(renamed, wanted)
    return renamed


def from_dinov2(state: Mapping[str, Tensor], *, prefix: str = "") -> dict[str, Tensor]:
    """Turn the names of facebookresearch/dinov2 into timm's; all others stay.

    The mask token serves pretraining only. In models with registers timm keeps the class token's position inside the
    class token, so it is added here and the sum of both is what it was.

    Args:
        state: Tensors by name.
        prefix: What stands before the names of the vision transformer.

    Returns:
        Tensors by name.
    """
    renamed = {name: value for name, value in state.items() if name != f"{prefix}mask_token"}
    registers, token, positions = (f"{prefix}{name}" for name in ("register_tokens", "cls_token", "pos_embed"))
    # A file that lacks one of them is left to the strict comparison.
    if {registers, token, positions} <= set(renamed) and renamed[positions].ndim == renamed[token].ndim == 3:
        renamed[f"{prefix}reg_token"] = renamed.pop(registers)
        renamed[token] = renamed[token] + renamed[positions][:, :1]  # [1, 1, C]
        renamed[positions] = renamed[positions][:, 1:]  # [1, cells, C]
    return renamed


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    plain = {name.replace(COMPILED, ""): value for name, value in state.items()}
    found = [match["wrapper"] for name in plain if (match := WRAPPED.match(name))]
    wrapper = found[0] if len(set(found)) == 1 else ""
    return {name.removeprefix(wrapper): value for name, value in plain.items()}


def _unchanged(state: Mapping[str, Tensor], _wanted: Collection[str]) -> dict[str, Tensor]:
    return dict(state)


def _from_sequence(state: Mapping[str, Tensor], _wanted: Collection[str]) -> dict[str, Tensor]:
    def rename(match: re.Match[str]) -> str:
        return f"{BACKBONE}{STAGES[int(match['stage'])]}."

    return _renamed(state, r"backbone\.net\.(?P<stage>[0-7])\.", rename)


def _from_halves(state: Mapping[str, Tensor], _wanted: Collection[str]) -> dict[str, Tensor]:
    # The frozen part ends where the trained one begins to count from zero again.
    matches = (re.match(r"backbone\.frozen_layers\.(\d+)\.", name) for name in state)
    num_frozen = max((int(match[1]) + 1 for match in matches if match), default=0)

    def rename(match: re.Match[str]) -> str:
        if match["stem"]:
            return f"{BACKBONE}{STAGES[int(match['stem'])]}."
        return f"{BACKBONE}layer{int(match['stage']) + (num_frozen if match['half'] == 'unfrozen' else 0)}."

    first = "frozen" if num_frozen else "unfrozen"
    stem = rf"backbone\.{first}_layers\.0\.(?P<stem>[01])\."
    stage = r"backbone\.(?P<half>(?:un)?frozen)_layers\.(?P<stage>\d+)\."
    return _renamed(state, rf"{stem}|{stage}", rename)


def _from_hub(state: Mapping[str, Tensor], _wanted: Collection[str]) -> dict[str, Tensor]:
    return from_dinov2(state, prefix=BACKBONE)


def _from_dino(state: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    renamed = from_dinov2(_renamed(state, r"backbone\.dino\.", lambda _: BACKBONE), prefix=BACKBONE)
    norm = f"{BACKBONE}norm."
    # These models carry the final norm of DINOv2 but read the last block, so ours may have been built without it.
    if any(name.startswith(norm) for name in wanted):
        return renamed
    return {name: value for name, value in renamed.items() if not name.startswith(norm)}


def _renamed(state: Mapping[str, Tensor], pattern: str, rename: Callable[[re.Match[str]], str]) -> dict[str, Tensor]:
    return {re.sub(rf"^(?:{pattern})", rename, name): value for name, value in state.items()}


RELEASED: Final[Mapping[str, Release]] = {
    "gsv-cities and MixVPR": Release(re.compile(r"backbone\.model\.conv1\."), _unchanged),
    "BoQ, ResNet": Release(re.compile(r"backbone\.net\.\d"), _from_sequence),
    "BoQ and OpenVPRLab, DINOv2": Release(re.compile(r"backbone\.dino\."), _from_dino),
    "OpenVPRLab, ResNet": Release(re.compile(r"backbone\.(?:un)?frozen_layers\."), _from_halves),
    "SALAD": Release(re.compile(r"backbone\.model\.mask_token$"), _from_hub),
}
"""What the file is -> its names. Rows are told apart by their markers; a test loads one file of each."""
