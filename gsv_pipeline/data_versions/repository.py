"""Where a data set and the files that stand for its versions lie in a git and DVC repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from gsv_pipeline.data_versions.commands import ask_git, run_dvc, run_git
from gsv_pipeline.errors import ConfigError, RunError
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.sources.location import LOCATION_FILE
from gsv_pipeline.tracking import Tracker

STAGES_FILE: Final = "dvc.yaml"
UNVERSIONED: Final = (MANIFEST, LOCATION_FILE)
"""Notes beside the images. The manifest holds the hash of the rest, so it cannot be part of what is hashed."""

_DVC_FOLDER: Final = ".dvc"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A data set in a repository.

    Args:
        repository: The folder that holds `.dvc`.
        layout: Of the data root, below it.
        name: Of the data set.
    """

    repository: Path
    layout: Layout
    name: str

    @property
    def artifact(self) -> Path:
        """The data set's folder."""
        return self.layout.dataset(self.name)

    @property
    def dvc_file(self) -> Path:
        """What DVC writes for a folder that it keeps."""
        return self.layout.dvc_file(self.name)

    @property
    def hash_file(self) -> Path:
        """What stands for a data set that is used where it lies: its hash alone."""
        return self.layout.version_file(self.name)

    def relative(self, path: Path) -> str:
        """As git and DVC name it, from the repository's root."""
        return path.relative_to(self.repository).as_posix()


def find_tracked(layout: Layout, dataset: str) -> Tracked:
    """The data set in the repository around the data root.

    Raises:
        ConfigError: There is no such repository, or `dvc.yaml` keeps the data set's versions.
    """
    found = Tracked(_repository_of(layout), layout, dataset)
    if ask_git(found.repository, "rev-parse", "--git-dir") is None:
        raise ConfigError(f"{found.repository} is no git repository; versions are kept with git. Run there: git init")
    stage = _owning_stage(found)
    if stage:
        raise ConfigError(
            f"'{dataset}' is an output of the stage '{stage}' in {STAGES_FILE}, which keeps its versions: its settings "
            "are under git and `dvc repro` makes it from them (the demo cities from their seed); `dvc commit` records "
            "what is there, `dvc push` and `dvc checkout` move it."
        )
    return found


def require_admitted(tracked: Tracked, *, tracker: Tracker) -> None:
    """Refuse a repository whose ignore files would hide a version or make notes part of it.

    Raises:
        ConfigError: git ignores the `.dvc` file, or DVC does not ignore the notes.
    """
    for file in (tracked.dvc_file, tracked.hash_file):
        if ask_git(tracked.repository, "check-ignore", "--quiet", "--", tracked.relative(file)) is not None:
            command = ("-c", "core.quotePath=false", "check-ignore", "--verbose", "--", tracked.relative(file))
            rule = run_git(tracked.repository, *command)
            raise ConfigError(
                f"git ignores {tracked.relative(file)} (by {rule.split(chr(9))[0]}), so no version would be kept. "
                "Ignore the data set's folder and not the files beside it: data/*, !data/dataset/, data/dataset/*, "
                "!data/dataset/*.dvc, !data/dataset/*.version.json in this order."
            )
    notes = [tracked.relative(tracked.artifact / name) for name in UNVERSIONED]
    if set(_ignored_by_dvc(tracked, notes, tracker=tracker)) != set(notes):
        lines = ", ".join(f"/**/dataset/*/{name}" for name in UNVERSIONED)
        raise ConfigError(
            f"DVC would take {' and '.join(UNVERSIONED)} for images. "
            f"Add these lines to {tracked.repository / '.dvcignore'}: {lines}"
        )


def _ignored_by_dvc(tracked: Tracked, names: list[str], *, tracker: Tracker) -> list[str]:
    try:
        return run_dvc(tracked.repository, "check-ignore", *names, tracker=tracker).split("\n")[:-1]
    except RunError:  # its way to say: none of them
        return []


def _repository_of(layout: Layout) -> Path:
    for folder in (layout.root, *layout.root.parents):
        if (folder / _DVC_FOLDER).is_dir():
            if layout.root.resolve().is_relative_to(folder.resolve()):
                return folder
            raise ConfigError(
                f"The data root {layout.root} leads out of the repository {folder}, and DVC keeps versions only of "
                "what lies inside. Make it a folder of the repository (cache.dir of DVC may lie on the other disk)."
            )
    raise ConfigError(
        f"The data root {layout.root} lies in no DVC repository, which is what keeps versions. "
        "Use one inside a repository, or make one around it: git init && dvc init"
    )


def _owning_stage(tracked: Tracked) -> str | None:
    """The stage of the repository's `dvc.yaml` that has the data set as an output."""
    path = tracked.repository / STAGES_FILE
    if not path.is_file():
        return None
    stages = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("stages", {})
    for name, stage in sorted(stages.items()):
        outputs = (item if isinstance(item, str) else next(iter(item)) for item in stage.get("outs", ()))
        if tracked.relative(tracked.artifact) in outputs:
            return str(name)
    return None
