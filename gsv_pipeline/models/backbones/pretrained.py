"""Where pretrained weights come from: torchvision's ImageNet files or a file the reader names."""

import logging
from pathlib import Path

import torch
import torchvision
from torch import Tensor

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.checkpoint import read_state_dict

logger = logging.getLogger(__name__)


def read_pretrained(architecture: str, weights: str | Path) -> tuple[dict[str, Tensor], str]:
    """Read the state dict that `weights` names.

    Args:
        architecture: Torchvision's name of the network.
        weights: "imagenet" (downloaded once into torch's hub cache), or a state dict file.

    Returns:
        The tensors by key, and the words that name their source in an error.

    Raises:
        DataError: The download failed, or the file is missing or no state dict.
    """
    path = _imagenet_file(imagenet_url(architecture)) if str(weights) == "imagenet" else Path(weights).expanduser()
    return read_state_dict(path), f"{architecture} weights {path}"


def imagenet_url(architecture: str) -> str:
    """Address of torchvision's IMAGENET1K_V1 weights, with the start of their SHA-256 in its name."""
    url: str = torchvision.models.get_model_weights(architecture)["IMAGENET1K_V1"].url
    return url


def _imagenet_file(url: str) -> Path:
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    logger.info("Downloading %s to %s", url, path)
    sha256 = Path(name).stem.rsplit("-", 1)[-1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"No ImageNet weights: {path} does not exist and {url} could not be fetched ({error}). "
            "Fetch that address elsewhere and put the file there, "
            "or set the backbone's 'weights' to a state dict file or to none.",
            details={"expected": str(path), "url": url},
        ) from error
    return path
