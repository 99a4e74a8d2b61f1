"""The temporary data root: data sets used where they lie or brought back by DVC, definitions, and the experiment."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from gsv_pipeline import recipes
from gsv_pipeline.data_versions.commands import run_dvc
from gsv_pipeline.data_versions.history import Version, versions_of
from gsv_pipeline.data_versions.repository import Tracked, find_tracked
from gsv_pipeline.data_versions.restore import restore
from gsv_pipeline.data_versions.settings import read_settings
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.manifest import Manifest, read_manifest, write_json
from gsv_pipeline.reproduction.checkout import worktree
from gsv_pipeline.reproduction.plan import Plan
from gsv_pipeline.sources.location import Location, listing_of, read_location, write_location
from gsv_pipeline.tracking import Tracker

_LINKS: Final = "reflink,hardlink,copy"
"""How DVC is to bring files back: without a second copy where the disk allows it."""
_LOCAL_CONFIG: Final = Path(".dvc", "config.local")


@dataclass(frozen=True, slots=True)
class _Placed:
    location: Location
    manifest: Manifest


@contextmanager
def prepared_root(plan: Plan, folder: Path, *, tracker: Tracker, keep: bool = False) -> Iterator[Layout]:
    """A data root in `folder` that holds what the plan needs. It copies no image, and nothing in it leads back.

    Args:
        plan: What is to run.
        folder: Empty; versions that DVC brings back lie in it too.
        tracker: Told where data come from.
        keep: Leave what DVC brought back.

    Raises:
        DataError: A data set is not what the report was made of, and no snapshot holds that version.
    """
    ground = Layout(folder / "data")
    ground.experiments().mkdir(parents=True)
    with ExitStack() as stack:
        for name in plan.datasets:
            placed = _in_place(plan, name)
            if placed is None:
                placed = stack.enter_context(
                    _from_dvc(plan, name, folder / f"{name}-version", tracker=tracker, keep=keep)
                )
            else:
                tracker.message(f"{name}: used where it lies, {placed.location.root}")
            _note(plan, ground, name, placed)
        _define(plan, ground)
        yield ground


def _in_place(plan: Plan, name: str) -> _Placed | None:
    """The data set as it is now, if it is still what the report was made of."""
    artifact = plan.layout.dataset(name)
    manifest = read_manifest(artifact)
    if manifest is None:
        return None
    try:
        location = read_location(artifact)
        version = listing_of(location).version
    except DataError:
        return None
    return _Placed(location, manifest) if version in _wanted(plan, name) else None


def _wanted(plan: Plan, name: str) -> set[str]:
    """Versions of the files of a data set that will do: what its catalog read, else what was fetched."""
    catalog = plan.steps.get(f"catalog/{name}")
    read = catalog.config.get("files") if catalog else None
    return {str(read)} if read else {plan.steps[f"dataset/{name}"].version}


@contextmanager
def _from_dvc(plan: Plan, name: str, target: Path, *, tracker: Tracker, keep: bool) -> Iterator[_Placed]:
    """A snapshot of the very version, brought back in a worktree of its own."""
    try:
        tracked = find_tracked(plan.layout, name)
        version = _snapshot(plan, tracked)
    except ConfigError as error:
        raise _no_such_version(plan, name, str(error)) from error
    if version is None:
        raise _no_such_version(plan, name, "No snapshot in git holds that version.")
    tracker.message(f"{name}: brought back by DVC, as of {version.revision[:12]} ({version.date})")
    with worktree(tracked.repository, version.revision, target, keep=keep) as scratch:
        _share_cache(tracked.repository, scratch, tracker=tracker)
        place = Layout(scratch / plan.layout.root.resolve().relative_to(tracked.repository.resolve()))
        restored = restore(place, name, version.revision, tracker=tracker)
        manifest = read_manifest(restored.artifact)
        assert manifest is not None  # `restore` has written it
        yield _Placed(read_location(restored.artifact), manifest)


def _snapshot(plan: Plan, tracked: Tracked) -> Version | None:
    wanted = _wanted(plan, tracked.name) | {plan.steps[f"dataset/{tracked.name}"].version}
    for version in versions_of(tracked, everywhere=True):
        told = version.record.facts.get("manifest") or {}
        if version.record.stored and {version.record.facts.get("listing"), told.get("data_version")} & wanted:
            return version
    return None


def _share_cache(repository: Path, scratch: Path, *, tracker: Tracker) -> None:
    """Let the worktree take files from the user's cache and remotes."""
    cache = read_settings(repository, tracker=tracker).cache.resolve()
    if (repository / _LOCAL_CONFIG).is_file():
        shutil.copyfile(repository / _LOCAL_CONFIG, scratch / _LOCAL_CONFIG)
    for setting, value in (("cache.dir", str(cache)), ("cache.type", _LINKS)):
        run_dvc(scratch, "config", "--local", setting, value, tracker=tracker)


def _note(plan: Plan, ground: Layout, name: str, placed: _Placed) -> None:
    """The data set's folder in the temporary root: its manifest, and where its images lie."""
    artifact, location = ground.dataset(name), placed.location
    artifact.mkdir(parents=True)
    write_location(artifact, location.root.resolve(), layout=location.layout, arguments=location.arguments)
    # The bytes are given, so it does not matter which version of a source fetched them; today's code has its own.
    versions = plan.steps[f"dataset/{name}"].rooms if plan.commit else recipes.dataset(plan.layout, name).versions
    write_json(
        artifact / MANIFEST, asdict(replace(placed.manifest, versions=dict(versions or placed.manifest.versions)))
    )


def _define(plan: Plan, ground: Layout) -> None:
    """What users define: data sets and benchmarks as they are, the experiment as it was."""
    for folder, place in ((plan.layout.datasets(), ground.datasets()), (plan.layout.benchmarks(), ground.benchmarks())):
        if folder.is_dir():
            place.symlink_to(folder.resolve(), target_is_directory=True)  # paths in it are relative to where it is
    for item in sorted(plan.layout.experiments().glob("*")):  # modules of callables
        if item.suffix == ".py":
            shutil.copyfile(item, ground.experiments() / item.name)
        elif item.is_dir() and not item.name.startswith(("_", ".")):
            shutil.copytree(item, ground.experiments() / item.name)
    text = yaml.safe_dump(dict(plan.experiment), sort_keys=False, allow_unicode=True)
    (ground.experiments() / f"{plan.name}.yaml").write_text(text, encoding="utf-8")


def _no_such_version(plan: Plan, name: str, why: str) -> DataError:
    return DataError(
        f"The data set '{name}' is not what the report was made of (version {plan.steps[f'dataset/{name}'].version}). "
        f"{why} Put it back as it was, and run the same command again."
    )
