"""Looking for what may go, and removing it under its lock."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsv_pipeline.cleaning.judging import Kept, Removable, decoded, downloads, judge, wandb
from gsv_pipeline.config import experiment_files
from gsv_pipeline.layout import DEPTHS, Layout
from gsv_pipeline.locks import holder, try_hold


@dataclass(frozen=True, slots=True)
class Found:
    """What may go, or has gone, and what is left alone; both sorted by path."""

    removable: Sequence[Removable]
    kept: Sequence[Kept]

    @property
    def bytes(self) -> int:
        """What the removal of all of it frees."""
        return sum(item.bytes for item in self.removable)


def find_removable(layout: Layout, *, orphans: bool = False, unsent: bool = False) -> Found:
    """Look for what may go.

    Args:
        layout: Where things live.
        orphans: Artifacts of experiments whose YAML is gone, too.
        unsent: Offline W&B runs that W&B does not have, too.
    """
    known = set(experiment_files(layout))
    judged = [judge(layout, path, known=known, orphans=orphans, unsent=unsent) for path in _candidates(layout)]
    free = [_unless_held(item) for item in judged if item is not None]
    return _sorted(free)


def remove(layout: Layout, found: Found, *, orphans: bool = False, unsent: bool = False) -> Found:
    """Remove what `find_removable` found; each is looked at once more while its lock is held.

    Args:
        layout: Where things live.
        found: What may go.
        orphans: As it was found.
        unsent: Likewise.

    Returns:
        What has gone, and what was left alone after all.
    """
    known = set(experiment_files(layout))
    done = [_remove_one(layout, item, known=known, orphans=orphans, unsent=unsent) for item in found.removable]
    return _sorted([*done, *found.kept])


def _candidates(layout: Layout) -> Iterator[Path]:
    for stage in DEPTHS:
        yield from layout.entries(stage)
    for folder in (downloads(layout), decoded(layout), wandb(layout)):
        if folder.is_dir() and not folder.is_symlink():
            yield from sorted(folder.iterdir())


def _unless_held(item: Removable | Kept) -> Removable | Kept:
    if isinstance(item, Kept) or holder(item.lock) is None:
        return item
    return Kept(item.path, "a run holds its lock")


def _remove_one(layout: Layout, item: Removable, *, known: set[str], orphans: bool, unsent: bool) -> Removable | Kept:
    with try_hold(item.lock, key=f"{layout.key(item.path)} (clean)") as is_ours:
        if not is_ours:
            return Kept(item.path, "a run holds its lock")
        again = judge(layout, item.path, known=known, orphans=orphans, unsent=unsent)
        if not isinstance(again, Removable):
            return again or Kept(item.path, "it has changed meanwhile")
        try:
            item.path.unlink() if item.path.is_file() else shutil.rmtree(item.path)
        except OSError as error:
            return Kept(item.path, f"it cannot be removed: {error.strerror}")
    return again


def _sorted(items: Sequence[Removable | Kept]) -> Found:
    ordered = sorted(items, key=lambda item: item.path)
    gone = [item for item in ordered if isinstance(item, Removable)]
    return Found(gone, [item for item in ordered if isinstance(item, Kept)])
