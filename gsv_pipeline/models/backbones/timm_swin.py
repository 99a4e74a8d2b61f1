"""Swin Transformer V2, tiny to base, of timm: square images of one size."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_whole
from gsv_pipeline.models.backbones.staged import Stage, StagedBackbone

PUBLISHED_SIZE: Final = 256
SIDE_STEP: Final = 32
"""Pixels: the stride of the last stage; every window then divides its map."""

MODELS: Final = {
    "swinv2_tiny": ("swinv2_tiny_window16_256", 96),
    "swinv2_small": ("swinv2_small_window16_256", 96),
    "swinv2_base": ("swinv2_base_window12to16_192to256", 128),
}
"""timm's name, and channels of stage 1. The base one is the reference's."""


class SwinV2(StagedBackbone):
    """A Swin Transformer V2 without its pooling and classifier (Liu et al. 2021, arXiv 2111.09883).

    Stage 0 is the patch embedding; the norm goes with stage 4. It has layer norms, hence no statistics to freeze. No
    stochastic depth: gradient caching runs an image twice and needs the same network. The reference freezes the
    embedding, stages 1 and 2, and `5 * layers_to_freeze` blocks of stage 3; here a level is a stage.

    Args:
        name: A key of `MODELS`.
        weights: "imagenet", "none" or a state dict file of timm's or Microsoft's format.
        layers_to_freeze: -1 to 3; see `StagedBackbone`.
        layers_to_crop: `[]`, `[4]` or `[3, 4]`. Each halves `out_channels`.
        image_size: Side of the square images, in pixels; windows keep their share of it. The weights saw 256.

    Raises:
        ConfigError: A level, a crop, a size or weights that do not exist.
        DataError: The weights cannot be downloaded or read, or do not fit.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: str | Path = "imagenet",
        layers_to_freeze: int = 2,
        layers_to_crop: Sequence[int] = (),
        image_size: int = PUBLISHED_SIZE,
    ) -> None:
        _check_side(name, image_size)
        architecture, width = MODELS[name]
        stages = [Stage((f"layers.{n}",), width * 2**n, 4 * 2**n) for n in range(3)]
        super().__init__(
            name,
            make=partial(_make, architecture, side=image_size),
            stages=[Stage(("patch_embed",), width, 4), *stages, Stage(("layers.3", "norm"), width * 8, 32)],
            heads=["head"],
            weights=weights,
            layers_to_freeze=layers_to_freeze,
            layers_to_crop=layers_to_crop,
        )
        self.image_size = image_size

    def forward(self, images: Tensor) -> Tensor:
        """`[B, 3, image_size, image_size] -> [B, out_channels, h, w]`.

        Raises:
            ConfigError: Images of another size.
        """
        self.check_size(images.shape[-2], images.shape[-1])
        features = super().forward(images)  # [B, h, w, C]
        return features.permute(0, 3, 1, 2)

    def check_size(self, height: int, width: int) -> None:
        """Refuse all but square images of `image_size`.

        Raises:
            ConfigError: The size does not fit; the message says which does.
        """
        if (height, width) != (self.image_size, self.image_size):
            raise ConfigError(
                f"backbone '{self.name}': images are {height} x {width} px (height x width); "
                f"it takes square ones of {self.image_size} x {self.image_size} px. Set the image size to that, "
                f"or the backbone's 'image_size' to another side (a multiple of {SIDE_STEP})."
            )

    def translate(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Microsoft's names to timm's; timm's stay. Tables that the window size gives are left out."""
        from timm.models.swin_transformer_v2 import checkpoint_filter_fn

        return checkpoint_filter_fn(dict(state), self.model)


def _make(architecture: str, *, side: int) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0, drop_path_rate=0.0)
    model.set_input_size((side, side))  # type: ignore[operator]
    return model


def _check_side(name: str, side: int) -> None:
    require_whole(f"backbone '{name}'", least=SIDE_STEP, image_size=side)
    if side % SIDE_STEP:
        raise ConfigError(f"backbone '{name}': 'image_size' is {side}; expected a multiple of {SIDE_STEP}.")
