"""Whether something beside an artifact may go: only what the pipeline made, and nobody goes on with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gsv_pipeline import recipes
from gsv_pipeline.layout import FAILED, MANIFEST, PREVIOUS, Layout
from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import Manifest
from gsv_pipeline.standing import experiment_of
from gsv_pipeline.standing.leftovers import bytes_below, files_below, is_finished
from gsv_pipeline.standing.state import manifest_or_none
from gsv_pipeline.tracking.wandb_folder import is_open, is_unsent
from gsv_pipeline.tracking.wandb_sync import hindrance

_DECODED: Final = re.compile(r"\.?[\w.\-]+-\d+x\d+-[a-z]+(?:-plain)?(?:-\d+of\d+)?\.uint8(?:\.partial)?")
"""As `compose.decoded` names a store of decoded images, and `images.store` a part of one."""
_OFFLINE: Final = re.compile(r"offline-run-\d{8}_\d{6}-.+")
_LATER_S: Final = 1.0
"""A manifest is the last file that is written into an artifact; file systems round their times."""


@dataclass(frozen=True, slots=True)
class Removable:
    """Something that may go.

    Args:
        path: A file or a folder.
        why: What it is, and why nobody needs it.
        bytes: What its removal frees.
        lock: Held by whoever uses it.
    """

    path: Path
    why: str
    bytes: int
    lock: Path


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that looks as if it might go, and is left alone.

    Args:
        path: A file or a folder.
        why: The reason.
    """

    path: Path
    why: str


def judge(
    layout: Layout, path: Path, *, known: set[str], orphans: bool, unsent: bool = False
) -> Removable | Kept | None:
    """Whether something may go; whether somebody holds its lock is not asked.

    Args:
        layout: Where things live.
        path: An entry of a stage's folder, or of one of those below.
        known: All experiments.
        orphans: Whether artifacts of other experiments may go.
        unsent: Whether offline W&B runs may go that W&B does not have.

    Returns:
        None for what is none of our business, links among it.
    """
    if path.is_symlink():
        return None
    special: dict[Path, Callable[[Layout, Path], Removable | Kept | None]] = {
        downloads(layout): _of_download,
        decoded(layout): _of_decoded,
        wandb(layout): partial(_of_wandb, unsent=unsent),
    }
    found = special.get(path.parent, _of_artifact)(layout, path)
    if found is None or isinstance(found, Kept):
        return _of_orphan(layout, path, known) or found if orphans else found
    return found


def _of_artifact(layout: Layout, path: Path) -> Removable | Kept | None:
    """What stands beside an artifact: the one before it, and work under way that is not under way any more."""
    artifact, made = layout.owner(path), manifest_or_none(layout.owner(path))
    if artifact == path or not path.is_dir():
        return None
    if path.name.endswith(PREVIOUS):
        return _of_previous(layout, path, made)
    if path == layout.partial(artifact):
        if layout.previous(artifact).is_dir() and not artifact.exists():
            return Kept(path, "a run was killed while it replaced the artifact; the next one puts the old one back")
        return _removable(layout, path, "half written by a run that was killed")
    if path == layout.extraction(artifact):
        if is_finished(path, made):
            return _removable(layout, path, "descriptors under way of an artifact that is finished")
        return Kept(path, "an interrupted run can go on from it")
    return _of_training(layout, path, made)


def _of_previous(layout: Layout, path: Path, made: Manifest | None) -> Removable | Kept:
    before = manifest_or_none(path)
    if before is None or before.key != layout.key(layout.owner(path)):
        return Kept(path, "no manifest says that the pipeline made it")
    if made is None:
        return Kept(path, f"{layout.key(layout.owner(path))} is missing, and this is what it was")
    return _foreign(path) or _removable(layout, path, f"replaced; made {before.created}, its successor {made.created}")


def _of_training(layout: Layout, path: Path, made: Manifest | None) -> Removable | Kept | None:
    name, begun = layout.owner(path).name, recipes.begun_training(path)
    identity = str(begun.get("identity", ""))
    is_aside = path == layout.training_aside(name, identity)
    if not is_aside and path != layout.training_state(name):
        return None
    if not begun:
        return Kept(path, f"it has no readable {recipes.IDENTITY_FILE}, so nothing says that the pipeline made it")
    if is_finished(path, made, "" if is_aside else identity):
        why = (
            "set aside when another training began, which came to its end"
            if is_aside
            else "of one that came to its end"
        )
        return _removable(layout, path, f"state of a training, {why}")
    return Kept(path, "an interrupted training can go on from it")


def _of_download(layout: Layout, path: Path) -> Removable | Kept | None:
    if not path.is_dir():
        return None
    artifact = layout.dataset(path.name)
    if is_finished(path, manifest_or_none(artifact)):
        return _removable(layout, path, "download of a data set that is finished", lock=layout.lock(artifact))
    return Kept(path, "an interrupted download can go on from it")


def _of_decoded(layout: Layout, path: Path) -> Removable | Kept | None:
    if not path.is_file() or not _DECODED.fullmatch(path.name):
        return None
    locks = sorted(layout.lock(layout.checkpoint("any")).parent.glob("checkpoint.*.lock"))
    if any(holder(lock) is not None for lock in locks):
        return Kept(path, "a training runs, which may use it")
    whole = path.with_name(path.name.removeprefix(".").removesuffix(".partial"))
    return _removable(layout, path, "decoded images; the next training decodes them again", lock=layout.lock(whole))


def _of_wandb(layout: Layout, path: Path, *, unsent: bool) -> Removable | Kept | None:
    if not path.is_dir() or not _OFFLINE.fullmatch(path.name) or not any(path.glob("run-*.wandb")):
        return None
    if is_open(path):
        return Kept(path, "a run writes to it")
    is_only_copy = is_unsent(path)
    if is_only_copy and not unsent:
        return Kept(path, _why_unsent())
    why = "never sent to W&B, so this may be the only copy" if is_only_copy else "W&B has it"
    return _foreign_beside_wandb(path) or _removable(layout, path, why, lock=layout.lock(path))


def _why_unsent() -> str:
    """It may be the only copy, whether W&B can be reached from here or not."""
    reason = hindrance()
    before = f" ({reason})" if reason else ""
    return f"not sent yet; gsv-pipeline track sync sends it{before}, --unsent-wandb removes it if nobody wants it"


def _of_orphan(layout: Layout, path: Path, known: set[str]) -> Removable | Kept | None:
    """Artifacts, states and failures of an experiment that is no more."""
    if path.parent in (downloads(layout), decoded(layout), wandb(layout)):
        return None
    artifact = layout.owner(path)
    name = experiment_of(layout, artifact)
    if not name or name in known:
        return None
    why = f"no experiment is called '{name}' any more"
    if path == layout.failure(artifact) and path.name.endswith(FAILED) and path.is_file():
        return _removable(layout, path, why)
    begun = recipes.begun_training(path)
    states = (layout.training_state(name), layout.training_aside(name, str(begun.get("identity", ""))))
    is_state = bool(begun) and path in states
    if is_state or path == layout.extraction(artifact):
        return _removable(layout, path, why)
    made = manifest_or_none(path)
    if made is None or made.key != layout.key(artifact):
        return Kept(path, "no manifest says that the pipeline made it") if path.is_dir() else None
    return _foreign(path) or _removable(layout, path, why)


def _foreign(folder: Path) -> Kept | None:
    """Somebody put a file into the artifact after it was made."""
    made = (folder / MANIFEST).stat().st_mtime
    later = [
        Path(item.path) for item in files_below(folder) if item.stat(follow_symlinks=False).st_mtime > made + _LATER_S
    ]
    if not later:
        return None
    return Kept(folder, f"{min(later).relative_to(folder)} came into it after it was made; move that elsewhere first")


def _foreign_beside_wandb(folder: Path) -> Kept | None:
    known = {"files", "logs", "tmp", "open", "unsent"}
    others = [item.name for item in folder.iterdir() if item.name not in known and not item.name.startswith("run-")]
    return (
        Kept(folder, f"{min(others)} in it is nothing that W&B writes; move that elsewhere first") if others else None
    )


def _removable(layout: Layout, path: Path, why: str, *, lock: Path | None = None) -> Removable:
    return Removable(path, why, bytes_below(path, freed=True), lock or layout.lock(layout.owner(path)))


def downloads(layout: Layout) -> Path:
    """Where downloads grow."""
    return layout.downloads("any").parent


def decoded(layout: Layout) -> Path:
    """Where decoded images are kept."""
    return layout.decoded("any", "any").parent


def wandb(layout: Layout) -> Path:
    """Where runs are: W&B makes a folder of its own name in the one that it is given."""
    return layout.wandb() / "wandb"
