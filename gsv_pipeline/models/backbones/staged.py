"""Backbones that are a chain of stages: the first can be frozen, the last dropped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_flag, require_whole, require_wholes
from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.backbones.pretrained import read_pretrained
from gsv_pipeline.models.backbones.published import NONE
from gsv_pipeline.models.checkpoint import load_strictly

COARSEST_CROP: Final = 8
"""Stride that a cropped backbone keeps at least: maps finer than that hold edges, not places."""

COUNTER: Final = ".num_batches_tracked"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the network that is frozen or dropped as a whole.

    Args:
        modules: Their names in the network, in the order in which they run.
        channels: Of the last one's output.
        stride: Of that output, in pixels of the image.
    """

    modules: tuple[str, ...]
    channels: int
    stride: int


class StagedBackbone(Backbone):
    """A network cut into stages; stage 0 is the stem.

    Freezing stops gradients. Nothing before a frozen stage learns, so autograd keeps no activation of it either.

    Args:
        name: Row of `BACKBONES`.
        make: Builds the network with random weights.
        stages: All of the network that is kept if nothing is cropped.
        heads: Names of modules that a backbone has no use for.
        weights: "imagenet", another name in `published_weights`, "none" or a state dict file of the same format.
        layers_to_freeze: Only if pretrained: 0 freezes the stem, n the stages up to n too; -1 nothing. The last stage
            is always trained.
        layers_to_crop: Stages to drop, counted from the last one: `[4]` or `[3, 4]` of four.
        freeze_statistics: Keep the batch-norm statistics of frozen stages as they are; else they go on moving, as in
            the reference.

    Raises:
        ConfigError: A level, a crop or weights that do not exist.
        DataError: The weights cannot be downloaded or read, or do not fit.
    """

    def __init__(
        self,
        name: str,
        *,
        make: Callable[[], nn.Module],
        stages: Sequence[Stage],
        heads: Sequence[str],
        weights: str | Path,
        layers_to_freeze: int,
        layers_to_crop: Sequence[int],
        freeze_statistics: bool = False,
    ) -> None:
        super().__init__(name)
        _check_freeze(name, layers_to_freeze, deepest=len(stages) - 2)
        _check_crop(name, layers_to_crop, stages=stages)
        require_flag(f"backbone '{name}'", freeze_statistics=freeze_statistics)
        self.stages = tuple(stages)[: len(stages) - len(set(layers_to_crop))]
        self.out_channels = self.stages[-1].channels
        self.stride = self.stages[-1].stride
        self.freeze_statistics = freeze_statistics
        self.frozen: tuple[str, ...] = ()
        self._level = layers_to_freeze
        # Named `model` because released checkpoints hold `backbone.model.conv1.weight` and so on.
        self.model = make()
        cropped = [module for stage in stages[len(self.stages) :] for module in stage.modules]
        dropped = [*heads, *cropped]
        for module in dropped:
            parent, _, child = module.rpartition(".")
            delattr(self.model.get_submodule(parent), child)
        if str(weights) != NONE:
            self._load(weights, dropped=frozenset(dropped))
            self.freeze()

    def forward(self, images: Tensor) -> Tensor:
        """`[B, 3, H, W] -> [B, out_channels, H/stride, W/stride]`."""
        features = images
        for stage in self.stages:
            for module in stage.modules:
                features = self.model.get_submodule(module)(features)
        return features

    def train(self, mode: bool = True) -> "StagedBackbone":
        """Switch between training and evaluation; frozen statistics stay frozen."""
        super().train(mode)
        if self.freeze_statistics:
            for module in self.frozen:
                self.model.get_submodule(module).eval()
        return self

    def translate(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A weights file's tensors by the names that they have in this network."""
        return state

    def _load(self, weights: str | Path, *, dropped: frozenset[str]) -> None:
        state, source = read_pretrained(self.name, weights)
        kept = {name: value for name, value in self.translate(state).items() if not _prefixes(name) & dropped}
        # Files from before torch 0.4.1, ImageNet's among them, have no step counters in their batch norms.
        counted = [name.removesuffix(".running_mean") + COUNTER for name in kept if name.endswith(".running_mean")]
        load_strictly({**{name: torch.tensor(0) for name in counted}, **kept}, self.model, source=source)

    def freeze(self) -> None:
        """See `Backbone`."""
        self.frozen = tuple(module for stage in self.stages[: self._level + 1] for module in stage.modules)
        for module in self.frozen:
            self.model.get_submodule(module).requires_grad_(False)
        self.train()


def _prefixes(name: str) -> set[str]:
    return set(accumulate(name.split("."), lambda start, part: f"{start}.{part}"))


def _check_freeze(name: str, level: int, *, deepest: int) -> None:
    owner = f"backbone '{name}'"
    require_whole(owner, least=-1, layers_to_freeze=level)
    if level > deepest:
        raise ConfigError(
            f"{owner}: 'layers_to_freeze' is {level}; expected -1 (nothing), 0 (the stem) or up to {deepest} "
            f"of {deepest + 1} stages; the last one is always trained."
        )


def _check_crop(name: str, crop: Sequence[int], *, stages: Sequence[Stage]) -> None:
    owner, last = f"backbone '{name}'", len(stages) - 1
    require_wholes(owner, layers_to_crop=crop)
    firsts = [first for first in range(last, 1, -1) if stages[first - 1].stride >= COARSEST_CROP]
    allowed = [[], *(list(range(first, last + 1)) for first in firsts)]
    if sorted(set(crop)) not in allowed:
        *several, longest = map(str, allowed)
        raise ConfigError(
            f"{owner}: 'layers_to_crop' is {list(crop)}; expected {', '.join(several)} or {longest}. "
            f"A stage works on the channels of the one before, so {last - 1} goes only together with {last}."
        )
