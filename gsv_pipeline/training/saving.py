"""Files that are whole or not there: a full disk, a crash or a pulled plug leave the one before."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from gsv_pipeline.errors import RunError
from gsv_pipeline.sources.disk import human_bytes, is_full

MARGIN_BYTES: Final = 1 << 20
"""What a file takes beside its tensors: names, numbers of the log, the archive's index."""


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` with `torch.save` to a sibling, force it onto the disk, then rename it over `path`.

    Args:
        path: In an existing folder.
        content: Tensors, numbers, texts, lists and mappings of them.

    Raises:
        RunError: The disk has no room for it; `path` is what it was before.
    """
    needed = tensor_bytes(content) + MARGIN_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise _no_room(path, needed=needed, free=free)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write(temporary, content)
        temporary.replace(path)
        _force(path.parent)
    except (OSError, RuntimeError) as error:
        free = shutil.disk_usage(path.parent).free  # before the clearing away, which makes room
        temporary.unlink(missing_ok=True)
        reason = _about_room(error)
        if reason is not None:
            raise _no_room(path, needed=needed, free=free, reason=reason.strerror or "") from error
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def tensor_bytes(content: Any) -> int:
    """Bytes of all tensors inside of nested mappings and sequences."""
    if isinstance(content, Tensor):
        return content.nbytes
    if isinstance(content, Mapping):
        return sum(tensor_bytes(value) for value in content.values())
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        return sum(tensor_bytes(value) for value in content)
    return 0


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        torch.save(dict(content), file)
        file.flush()
        os.fsync(file.fileno())


def _force(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _about_room(error: BaseException | None) -> OSError | None:
    """The full disk behind an error, if there is one: torch's archive writer raises an error of its own over it."""
    while error is not None:
        if isinstance(error, OSError) and is_full(error):
            return error
        error = error.__cause__ or error.__context__
    return None


def _no_room(path: Path, *, needed: int, free: int, reason: str = "") -> RunError:
    kept = "What was saved before is whole" if path.exists() else "Nothing was saved before"
    said = f" ({reason})" if reason else ""
    return RunError(
        f"The disk of {path.parent} is too full to save the training state: {human_bytes(needed)} needed, "
        f"{human_bytes(free)} free{said}. {kept}. Free some space and run the same command again: training goes on "
        "from the last saved step.",
        {"bytes_needed": needed, "bytes_free": free},
    )
