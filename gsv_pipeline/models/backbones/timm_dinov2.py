"""DINOv2 ViT-S/14 and ViT-B/14 of timm, with registers or without: the last blocks are trained."""

from pathlib import Path
from typing import Any, ClassVar, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_flag, require_whole
from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.backbones.pretrained import read_pretrained
from gsv_pipeline.models.backbones.published import NONE
from gsv_pipeline.models.checkpoint import load_strictly
from gsv_pipeline.models.released import from_dinov2

PATCH: Final = 14
BLOCKS: Final = 12

GRID: Final = 37
"""Position embeddings each way: the published weights saw 518 px (Oquab et al. 2023, arXiv 2304.07193)."""

POSITION_OFFSET: Final = 0.1
"""facebookresearch/dinov2 adds it to the wanted grid before it scales positions; released SALAD and BoQ weights grew
up with that. Not in the register variants, which scale to the exact size and antialias."""

MODELS: Final = {
    "dinov2_vits14": "vit_small_patch14_dinov2",
    "dinov2_vitb14": "vit_base_patch14_dinov2",
    "dinov2_vits14_reg": "vit_small_patch14_reg4_dinov2",
    "dinov2_vitb14_reg": "vit_base_patch14_reg4_dinov2",
}
"""Name, as facebookresearch/dinov2 has it -> timm's."""


class DINOv2(Backbone):
    """A DINOv2 vision transformer (Oquab et al. 2023, arXiv 2304.07193; registers: Darcet et al. 2023, 2309.16588).

    The frozen part is at the start, so autograd keeps none of its activations.

    Args:
        name: A key of `MODELS`.
        weights: "imagenet" (the published ones, which saw LVD-142M), "none" or a state dict file that has timm's names
            or facebookresearch's.
        trained_blocks: Only if pretrained: the last blocks that learn, 0 to 12, and with them the final norm; all that
            is before them is frozen. SALAD trains 4, BoQ 2.
        final_norm: Whether the final layer norm is applied. SALAD has it, BoQ has not.

    Raises:
        ConfigError: A number of blocks or weights that do not exist.
        DataError: The weights cannot be downloaded or read, or do not fit.
    """

    gives_class_token: ClassVar[bool] = True

    def __init__(
        self, name: str, *, weights: str | Path = "imagenet", trained_blocks: int = 4, final_norm: bool = True
    ) -> None:
        super().__init__(name)
        _check_blocks(name, trained_blocks)
        require_flag(f"backbone '{name}'", final_norm=final_norm)
        self.stride = PATCH
        self._trained_blocks = trained_blocks
        self.has_registers = name.endswith("_reg")
        self.model = _make(MODELS[name])
        self.out_channels = int(self.model.cls_token.shape[-1])
        if not final_norm:
            self.model.norm = nn.Identity()
        if str(weights) != NONE:
            self._load(weights, final_norm=final_norm)
            self.freeze()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and class token.

        Args:
            images: `[B, 3, H, W]`, H and W multiples of 14, not necessarily equal.

        Returns:
            `[B, out_channels, H/14, W/14]` and `[B, out_channels]`.

        Raises:
            ConfigError: H or W is no multiple of 14.
        """
        self.check_size(images.shape[-2], images.shape[-1])
        rows, columns = images.shape[-2] // PATCH, images.shape[-1] // PATCH
        tokens = self._embed(images, self._positions(rows, columns))
        for block in self.model.blocks:
            tokens = block(tokens)
        tokens = self.model.norm(tokens)
        patches = tokens[:, -rows * columns :].transpose(1, 2)  # [B, C, h*w], row by row
        return patches.reshape(images.shape[0], -1, rows, columns), tokens[:, 0]

    def check_size(self, height: int, width: int) -> None:
        """Refuse sides that are no multiples of 14.

        Raises:
            ConfigError: The size does not fit; the message names the nearest that does.
        """
        if height % PATCH or width % PATCH or min(height, width) < PATCH:
            nearest = [max(round(side / PATCH), 1) * PATCH for side in (height, width)]
            raise ConfigError(
                f"backbone '{self.name}': images are {height} x {width} px (height x width); "
                f"it takes multiples of {PATCH}, its patch size. The nearest is {nearest[0]} x {nearest[1]}."
            )

    def _embed(self, images: Tensor, positions: Tensor) -> Tensor:
        patches = self.model.patch_embed.proj(images).flatten(2).transpose(1, 2)  # [B, h*w, C]
        first = [self.model.cls_token]
        if self.has_registers:
            first.append(self.model.reg_token)
        else:
            first[0] = first[0] + self.model.pos_embed[:, :1]
        # Not len(images): export would take that for a constant.
        start = torch.cat(first, dim=1).expand(images.shape[0], -1, -1)
        return torch.cat([start, patches + positions], dim=1)  # [B, 1 + registers + h*w, C]

    def _positions(self, rows: int, columns: int) -> Tensor:
        learned: Tensor = self.model.pos_embed[:, -GRID * GRID :]
        if rows == columns == GRID:
            return learned
        grid = learned.reshape(1, GRID, GRID, -1).permute(0, 3, 1, 2)  # [1, C, 37, 37]
        if self.has_registers:
            scaled = F.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            factors = [(side + POSITION_OFFSET) / GRID for side in (rows, columns)]
            scaled = F.interpolate(grid, scale_factor=factors, mode="bicubic")
        return scaled.flatten(2).transpose(1, 2)  # [1, h*w, C]

    def _load(self, weights: str | Path, *, final_norm: bool) -> None:
        state, source = read_pretrained(self.name, weights)
        named = from_dinov2(state)
        kept = {name: value for name, value in named.items() if final_norm or not name.startswith("norm.")}
        load_strictly(kept, self.model, source=source)

    def freeze(self) -> None:
        """See `Backbone`."""
        self.model.requires_grad_(False)
        if self._trained_blocks:
            for module in (*self.model.blocks[-self._trained_blocks :], self.model.norm):
                module.requires_grad_(True)


def _make(architecture: str) -> Any:
    import timm

    # Any, since timm declares as optional what these models always have.
    return timm.create_model(architecture, pretrained=False, num_classes=0)


def _check_blocks(name: str, trained_blocks: int) -> None:
    owner = f"backbone '{name}'"
    require_whole(owner, least=0, trained_blocks=trained_blocks)
    if trained_blocks > BLOCKS:
        raise ConfigError(f"{owner}: 'trained_blocks' is {trained_blocks}; it has {BLOCKS} blocks.")
