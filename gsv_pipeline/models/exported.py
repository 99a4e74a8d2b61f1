"""An exported model: safetensors and a config beside them, written here and read back in two lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.checkpoint import load_checkpoint, save_checkpoint
from gsv_pipeline.models.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise, to_channels_first
from gsv_pipeline.models.vpr_model import VPRModel, build_model

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
FORMAT: Final = 1
_RESAMPLING: Final = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True, slots=True)
class Exported:
    """A model and the images that it expects.

    Args:
        model: In eval mode, on the CPU.
        height: Pixels.
        width: Pixels.
        interpolation: `bilinear` or `bicubic`, antialiased as Pillow does it.
    """

    model: VPRModel
    height: int
    width: int
    interpolation: str

    def describe(self, images: Sequence[Image.Image]) -> Tensor:
        """Descriptors of photographs of any size.

        Args:
            images: N of them, opened by Pillow.

        Returns:
            `[N, D]` float32, rows of length one; their dot products are the similarities.
        """
        pixels = np.stack([self._resized(image) for image in images])  # [N, H, W, 3]
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            descriptors: Tensor = self.model(normalise(to_channels_first(torch.from_numpy(pixels).to(device))))
        return descriptors

    def _resized(self, image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
        wanted = (self.width, self.height)
        rgb = image.convert("RGB")
        return np.array(rgb if rgb.size == wanted else rgb.resize(wanted, _RESAMPLING[self.interpolation]))


def save_exported(folder: Path, model: VPRModel, *, architecture: Mapping[str, Any], image: Mapping[str, Any]) -> None:
    """Write the weights and what is needed to build the model around them.

    Args:
        folder: Existing.
        model: Any device.
        architecture: Arguments of `build_model` without the seed.
        image: `height`, `width` and `interpolation`.
    """
    save_checkpoint(folder / WEIGHTS_FILE, model)
    backbone = {**architecture["backbone_args"], "weights": "none"}  # the file holds them
    config = {
        "format": FORMAT,
        "architecture": {**architecture, "backbone_args": backbone},
        "image": {**image, "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD), "range": [0, 1]},
        "descriptor_size": model.out_dim,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_exported(folder: Path | str) -> Exported:
    """Read what `gsv-pipeline export` wrote.

    Raises:
        DataError: The config is missing, unreadable or of a newer format, or the weights do not fit it.
    """
    path = Path(folder) / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        architecture, image, written = config["architecture"], config["image"], int(config["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no config of an exported model ({error}). Expected a folder that `gsv-pipeline export` wrote."
        ) from error
    if written != FORMAT:
        raise DataError(f"{path} is of format {written}, and this version reads {FORMAT}. Update gsv-pipeline.")
    model = build_model(**architecture, seed=0)
    load_checkpoint(Path(folder) / WEIGHTS_FILE, model)
    model.eval()
    return Exported(model, height=image["height"], width=image["width"], interpolation=image["interpolation"])
