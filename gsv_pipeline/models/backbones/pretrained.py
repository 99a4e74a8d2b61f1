"""Where pretrained weights come from: a published file, fetched once, or a file that the reader names."""

import http.client
import logging
import os
import re
import shlex
from pathlib import Path

import torch
from torch import Tensor

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.backbones.published import NONE, Published, published_weights
from gsv_pipeline.models.checkpoint import read_state_dict

logger = logging.getLogger(__name__)


def read_pretrained(backbone: str, weights: str | Path) -> tuple[dict[str, Tensor], str]:
    """Read the state dict that `weights` names.

    Args:
        backbone: Row of `BACKBONES`.
        weights: One of `published_weights` (downloaded once into torch's hub cache), or a state dict file.

    Returns:
        The tensors by key, and the words that name their source in an error.

    Raises:
        ConfigError: `weights` is a word that names no published file.
        DataError: The download failed, or the file is missing or no state dict.
    """
    check_weights(backbone, weights)
    known = published_weights(backbone).get(str(weights))
    path = _published_file(backbone, known) if known else Path(weights).expanduser()
    return read_state_dict(path), f"{backbone} weights {path}"


def check_weights(backbone: str, weights: str | Path) -> None:
    """Refuse a word that is neither `none`, nor published weights of this backbone, nor a file. Nothing is fetched.

    Args:
        backbone: Row of `BACKBONES`.
        weights: As the experiment gave it.

    Raises:
        ConfigError: Such a word, with those that exist.
    """
    known = [*published_weights(backbone), NONE]
    path = Path(weights).expanduser()
    is_word = len(path.parts) == 1 and not path.suffix and not path.exists()
    if is_word and str(weights) not in known:
        raise ConfigError(f"backbone '{backbone}': 'weights' is '{weights}'; expected {', '.join(known)} or a file.")


def check_file(backbone: str, weights: str | Path) -> None:
    """Open the file that `weights` names; a word, which stands for a published one or none, is taken as it is.

    Args:
        backbone: Row of `BACKBONES`.
        weights: As the experiment gave it; empty where it gave none.

    Raises:
        DataError: The file is missing or no state dict.
    """
    if str(weights) not in ("", NONE, *published_weights(backbone)):
        read_state_dict(Path(weights).expanduser())


def _published_file(backbone: str, known: Published) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / known.file_name
    if path.is_file():
        return path
    logger.info("Downloading %s to %s", known.url, path)
    # Of its own for each process: two that start together must not write into one file.
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(known, partial)
        partial.replace(path)
    except (OSError, RuntimeError, http.client.HTTPException, DataError) as error:
        raise DataError(
            _how_to_bring(backbone, known, path=path, error=error),
            details={"expected": str(path), "url": known.url},
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _how_to_bring(backbone: str, known: Published, *, path: Path, error: Exception) -> str:
    fetched = shlex.quote(known.file_name)
    return (
        f"No published weights of {backbone}: {path} does not exist, and {known.url} could not be fetched ({error}). "
        f"Where there is a network, run: curl -fL -o {fetched} {shlex.quote(known.url)}; then, here: "
        f"mkdir -p {shlex.quote(str(path.parent))} && mv {fetched} {shlex.quote(str(path))}. Or leave the file "
        f"anywhere and set model.backbone.weights=/path/to/{known.file_name}; model.backbone.weights=none starts from "
        "random weights."
    )


def _download(known: Published, target: Path) -> None:
    hashed = re.search(r"-([0-9a-f]{8,})\.\w+$", known.file_name)
    torch.hub.download_url_to_file(known.url, str(target), hash_prefix=hashed and hashed.group(1), progress=False)
    if not hashed:
        # A connection that breaks ends such a download without a word; only reading the file tells.
        read_state_dict(target)
