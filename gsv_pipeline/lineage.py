"""From an artifact back to bytes: every manifest on the way, and where a link of the chain is broken."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.artifact_files import EXPERIMENT_FILE
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import DEPTHS, MANIFEST, Layout
from gsv_pipeline.manifest import Manifest, read_manifest
from gsv_pipeline.provenance import CHANGES

_REPORTS: Final = "reports"
_DATASETS: Final = "dataset/"
_DVC: Final = "dvc"
_LOCK_FILE: Final = "dvc.lock"
"""What `dvc repro` writes beside `dvc.yaml`: the hash of every output of the reference run."""
_WANDB: Final = "wandb_run"


@dataclass(frozen=True, slots=True)
class Link:
    """An artifact of the chain.

    Args:
        key: Its name.
        version: The data version that went into what follows it.
        folder: Where it lies, or lay.
        manifest: What is known of that very version; None where it is gone.
        broken: Why the chain ends here; empty where it does not.
        snapshot: DVC's md5 of a data set, if DVC keeps that version, by its own file or as the output of a stage.
        wandb_runs: Of W&B, by their ids.
        inputs: What it was made of, sorted by name.
    """

    key: str
    version: str
    folder: Path
    manifest: Manifest | None
    broken: str = ""
    snapshot: str = ""
    wandb_runs: tuple[str, ...] = ()
    inputs: tuple["Link", ...] = ()

    @property
    def stage(self) -> str:
        """What made it: the first part of its name."""
        return self.key.partition("/")[0]

    @property
    def commit(self) -> str:
        """Of the code that made it, without a word on changes; empty where it is not known."""
        return str(self._origin.get("git", "")).removesuffix(CHANGES)

    @property
    def is_dirty(self) -> bool:
        """Whether that code differed from its commit."""
        return str(self._origin.get("git", "")).endswith(CHANGES)

    @property
    def seed(self) -> int | None:
        """Of the settings, where they have one."""
        config = self.manifest.config if self.manifest else {}
        for place in (config, config.get("arguments") or {}):
            if isinstance(place, Mapping) and isinstance(place.get("seed"), int):
                return int(place["seed"])
        return None

    @property
    def experiment_yaml(self) -> Path | None:
        """The experiment as it was resolved, beside a checkpoint."""
        path = self.folder / EXPERIMENT_FILE
        return path if self.manifest is not None and path.is_file() else None

    @property
    def surroundings(self) -> dict[str, Any]:
        """Code, packages and machine, as the artifact's manifest has them."""
        return dict(self._origin)

    @property
    def _origin(self) -> Mapping[str, Any]:
        return self.manifest.provenance if self.manifest else {}


def find_artifact(layout: Layout, name: str) -> tuple[Layout, Path]:
    """The artifact that a person means: by its key below the data root, or by any path in it.

    Args:
        layout: The data root to look in first.
        name: `recall_report/demo_test/demo`, or `…/report.html`, or the folder, of this data root or another one.

    Returns:
        The layout that the artifact belongs to, and its folder.

    Raises:
        ConfigError: There is no such artifact.
    """
    inside = layout.root / name
    for path in (inside, Path(name).expanduser()):
        found = _around(path.resolve()) if path.exists() else None
        if found is not None:
            return found
    near = difflib.get_close_matches(name, artifacts_on_disk(layout), n=1, cutoff=0.4)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise ConfigError(
        f"There is no artifact '{name}' in {layout.root}.{guess} Expected a name such as recall_report/demo_test/demo, "
        "or a path to what lies in an artifact. gsv-pipeline status lists them."
    )


def artifacts_on_disk(layout: Layout) -> list[str]:
    """Keys of all artifacts, in flow order."""
    entries = (path for stage in DEPTHS for path in layout.entries(stage))
    return [layout.key(path) for path in entries if layout.owner(path) == path and (path / MANIFEST).is_file()]


def trace(layout: Layout, artifact: Path) -> Link:
    """The chain that leads to `artifact`.

    An input that was replaced since is looked for beside its successor, where `train` keeps the one before; where it
    is not, the chain ends with what its follower noted of it.

    Raises:
        DataError: A manifest is damaged, or there is none.
    """
    manifest = read_manifest(artifact)
    if manifest is None:
        raise DataError(f"{artifact} has no {MANIFEST}, so nothing says what it was made of.")
    return _link(layout, manifest.key, artifact, manifest, follower=None)


def walk(link: Link) -> Iterator[Link]:
    """Every artifact of the chain once, inputs before what is made of them."""
    seen: set[tuple[str, str]] = set()

    def visit(item: Link) -> Iterator[Link]:
        if (item.key, item.version) in seen:
            return
        seen.add((item.key, item.version))
        for below in item.inputs:
            yield from visit(below)
        yield item

    yield from visit(link)


def recorded_inputs(manifest: Manifest) -> dict[str, str]:
    """Key -> data version of all that an artifact was made of, reports that a leaderboard shows included."""
    reports = manifest.config.get(_REPORTS)
    return dict(sorted({**(reports if isinstance(reports, dict) else {}), **manifest.inputs}.items()))


def link_json(link: Link) -> dict[str, Any]:
    """The chain as plain values."""
    text = link.experiment_yaml.read_text(encoding="utf-8") if link.experiment_yaml else None
    return {
        "key": link.key,
        "data_version": link.version,
        "broken": link.broken,
        "manifest": asdict(link.manifest) if link.manifest else None,
        "commit": link.commit,
        "dirty": link.is_dirty,
        "seed": link.seed,
        "device": link.surroundings.get("device", ""),
        "dagster_run": link.surroundings.get("dagster_run", ""),
        "wandb_runs": list(link.wandb_runs),
        "dvc_md5": link.snapshot,
        "experiment_yaml": text,
        "inputs": [link_json(item) for item in link.inputs],
    }


def _around(path: Path) -> tuple[Layout, Path] | None:
    """The nearest folder at or above `path` that is an artifact."""
    for folder in (path, *path.parents):
        if (folder / MANIFEST).is_file():
            manifest = read_manifest(folder)
            parts = Path(manifest.key).parts if manifest else ()
            if parts and folder.parts[-len(parts) : -1] == parts[:-1]:
                return Layout(folder.parents[len(parts) - 1]), folder
    return None


def _link(layout: Layout, key: str, folder: Path, manifest: Manifest, *, follower: Manifest | None) -> Link:
    return Link(
        key=key,
        version=manifest.data_version,
        folder=folder,
        manifest=manifest,
        snapshot=_snapshot(manifest, follower) or _locked(layout, folder, manifest),
        wandb_runs=_wandb_runs(layout, manifest),
        inputs=tuple(_input(layout, name, version, manifest) for name, version in recorded_inputs(manifest).items()),
    )


def _input(layout: Layout, key: str, version: str, follower: Manifest) -> Link:
    folder = layout.root / key
    present = None
    for place in (folder, layout.previous(folder)):
        found = read_manifest(place)
        if found is not None and found.data_version == version:
            return _link(layout, key, place, found, follower=follower)
        present = present or found
    if present is None:
        return Link(key, version, folder, None, broken="it is gone")
    return Link(key, version, folder, None, broken=f"on disk is version {present.data_version}, made {present.created}")


def _snapshot(manifest: Manifest, follower: Manifest | None) -> str:
    """DVC's hash, if what DVC keeps is what the data set was when its follower read it."""
    note = manifest.metadata.get(_DVC)
    if not isinstance(note, dict):
        return ""
    read = follower.config.get("files") if follower else None
    return str(note.get("md5", "")) if note.get("listing") in (manifest.data_version, read) else ""


def _locked(layout: Layout, folder: Path, manifest: Manifest) -> str:
    """DVC's hash of a data set that a stage of `dvc.yaml` makes, if what is there has the files that DVC recorded."""
    if not manifest.key.startswith(_DATASETS) or folder != layout.root / manifest.key:
        return ""
    lock = next((path for above in folder.parents if (path := above / _LOCK_FILE).is_file()), None)
    output = _output_of(lock, folder) if lock else {}
    if not output:
        return ""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return str(output["md5"]) if (output.get("nfiles"), output.get("size")) == (len(sizes), sum(sizes)) else ""


def _output_of(lock: Path, folder: Path) -> Mapping[str, Any]:
    """What `dvc.lock` says of a folder; nothing where it is no output, or the file is damaged."""
    import yaml

    try:
        stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
        outputs = [output for stage in stages.values() for output in stage.get("outs", ())]
        return next((dict(item) for item in outputs if lock.parent / item["path"] == folder and "md5" in item), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return {}


def _wandb_runs(layout: Layout, manifest: Manifest) -> tuple[str, ...]:
    """What the manifest says, else what lies on disk: a run's id holds the fingerprint of what it makes."""
    noted = manifest.metadata.get(_WANDB)
    if isinstance(noted, str) and noted:
        return (noted,)
    files = layout.wandb().glob(f"wandb/*run-*/run-*-{manifest.fingerprint}*.wandb")
    return tuple(sorted({path.stem.removeprefix("run-") for path in files}))
