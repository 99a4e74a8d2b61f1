"""Checkpoints: tensors by name, read strictly and written as safetensors. Nothing in a file is ever executed."""

import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from gsv_pipeline.errors import DataError, few
from gsv_pipeline.models.inspection import guess_model, refused_names
from gsv_pipeline.models.released import as_ours

SHOWN: Final = 3
"""How many names an error lists before it counts the rest."""

# What torch and pickle raise on files that are cut short or something else altogether.
UNREADABLE: Final = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def load_checkpoint(path: Path, model: nn.Module) -> None:
    """Copy a checkpoint's weights into `model`, strictly: every key and every shape has to agree.

    Args:
        path: `.safetensors`, or a file of `torch.save` that holds a state dict, bare (as released with GSV-Cities) or
            under `state_dict` (Lightning). Files of `RELEASED` get our names first.
        model: Changed in place; left as it was when anything fails.

    Raises:
        DataError: The file is missing, unreadable, holds more than tensors, or belongs to another model.
    """
    state = as_ours(read_state_dict(path), model.state_dict())
    load_strictly(state, model, source=f"Checkpoint {path}")


def check_checkpoint(path: Path, model: nn.Module) -> None:
    """Refuse what `load_checkpoint` would refuse; the model is left as it is.

    Args:
        path: As in `load_checkpoint`.
        model: On any device, the meta device among them: only its names and shapes are asked for.

    Raises:
        DataError: As `load_checkpoint` does.
    """
    wanted = model.state_dict()
    _refuse_misfit(as_ours(read_state_dict(path), wanted), wanted, source=f"Checkpoint {path}")


def save_checkpoint(path: Path, model: nn.Module) -> None:
    """Write the model's state dict as safetensors; the same weights give the same bytes.

    Args:
        path: Overwritten if it exists; renaming it into place is the caller's business.
        model: On any device, in any memory format.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a checkpoint file, onto the CPU.

    Raises:
        DataError: The file is missing, unreadable, or holds something else than tensors by name.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise DataError(f"Checkpoint {path}: found {found}, expected a .safetensors or torch file. Check the path.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not state:
        raise DataError(f"Checkpoint {path} holds {_describe(state)}; expected tensors by name (a state dict).")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DataError(
                f"Checkpoint {path}: entry {name!r} is a {type(value).__name__}, not a tensor. "
                "Expected a state dict, bare or under the key 'state_dict'."
            )
    return dict(state)


def load_strictly(state: Mapping[str, Tensor], model: nn.Module, *, source: str) -> None:
    """Copy `state` into `model` if its names and shapes are exactly the model's.

    Args:
        state: Tensors by name.
        model: Changed in place; left as it was when anything differs.
        source: What the tensors come from; it opens the error.

    Raises:
        DataError: A key is missing or unexpected, or a shape differs.
    """
    _refuse_misfit(state, model.state_dict(), source=source)
    model.load_state_dict(dict(state), strict=True)


def _refuse_misfit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, source: str) -> None:
    differences = [
        _list("missing", [name for name in wanted if name not in state]),
        _list("unexpected", [name for name in state if name not in wanted]),
        _list(
            "of another shape",
            [
                f"{name} ({list(state[name].shape)} in the file, {list(value.shape)} in the model)"
                for name, value in wanted.items()
                if name in state and state[name].shape != value.shape
            ],
        ),
    ]
    if any(differences):
        raise DataError(
            f"{source} does not fit the model. Keys {'; '.join(filter(None, differences))}. "
            f"The file looks like {guess_model(state)}, the model is {guess_model(wanted)}. "
            "Set backbone and aggregator to the file's, or name another file."
        )


def _read_safetensors(path: Path) -> object:
    try:
        return safetensors.torch.load_file(path, device="cpu")
    except (safetensors.SafetensorError, OSError) as error:
        raise DataError(
            f"Checkpoint {path} is no readable safetensors file ({error}). It may be cut short: copy it again."
        ) from error


def _read_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # torch first warns about an odd file and then refuses it; the refusal below says it all.
            warnings.simplefilter("ignore")
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        refused = refused_names(path, str(error))
        if refused:
            raise DataError(
                f"Checkpoint {path} is a pickle that holds more than tensors ({', '.join(refused)}), and opening "
                "it could run code. Expected a plain state dict; save only model.state_dict() where it was made.",
                details={"refused": ", ".join(refused)},
            ) from error
        reason = error if isinstance(error, OSError) else type(error).__name__
        raise DataError(
            f"Checkpoint {path} ({path.stat().st_size} bytes) is no readable PyTorch checkpoint ({reason}). "
            "It may be cut short or be something else: copy or download it again."
        ) from error
    return content


def _list(title: str, names: list[str]) -> str:
    return f"{title}: {few(names, SHOWN)}" if names else ""


def _describe(content: object) -> str:
    return "no entries" if isinstance(content, Mapping) else f"a {type(content).__name__}"
