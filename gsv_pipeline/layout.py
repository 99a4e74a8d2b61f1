"""Where each artifact lives under the data root. Nothing else in the project builds these paths."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.errors import DataError

DATA_ROOT_VARIABLE: Final = "GSV_DATA_ROOT"
MANIFEST: Final = "manifest.json"
PREVIOUS: Final = ".previous"
FAILED: Final = ".failed.json"
RESERVED_ENDINGS: Final = (PREVIOUS, FAILED)
"""What stands beside an artifact ends like this, so no experiment may be called so."""

DEPTHS: Final[Mapping[str, int]] = {
    "dataset": 1,
    "catalog": 1,
    "places": 1,
    "benchmark": 1,
    "checkpoint": 1,
    "embeddings": 2,
    "faiss_index": 2,
    "deployment_index": 3,
    "index_report": 2,
    "pca": 1,
    "pca_report": 2,
    "baseline": 2,
    "recall_report": 2,
    "export": 1,
    "leaderboard": 0,
}
"""Stage, in flow order -> how many folders below its own an artifact lies."""

_BESIDE: Final = re.compile(
    r"\.(?P<hidden>.+)\.(?:partial|extraction|training(?:\.[0-9a-f]{16})?)|(?P<shown>.+)\.(?:previous|failed\.json)"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of the artifacts: the folder is the stage, then the benchmark, then the experiment.

    Args:
        root: The data root, absolute.
    """

    root: Path

    @classmethod
    def find(cls, root: Path | str | None = None, *, start: Path | None = None) -> "Layout":
        """Over `root`, else `GSV_DATA_ROOT`, else `data/` beside the nearest `workspace.yaml`, else `./data`.

        Args:
            root: The data root, when it is known.
            start: Where the search for `workspace.yaml` begins; the working directory if None.
        """
        chosen = root or os.environ.get(DATA_ROOT_VARIABLE)
        if chosen:
            return cls(Path(chosen).expanduser().resolve())
        here = start or Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "workspace.yaml").is_file():
                return cls(folder / "data")
        return cls(here / "data")

    def dataset(self, dataset: str) -> Path:
        """What a source delivered, unchanged."""
        return self.root / "dataset" / dataset

    def dvc_file(self, dataset: str) -> Path:
        """What DVC writes for a data set whose bytes it keeps, beside its folder."""
        return self.root / "dataset" / f"{dataset}.dvc"

    def version_file(self, dataset: str) -> Path:
        """What stands for a version of a data set that is used where it lies: its hash alone."""
        return self.root / "dataset" / f"{dataset}.version.json"

    def catalog(self, dataset: str) -> Path:
        """One row per image, validated."""
        return self.root / "catalog" / dataset

    def places(self, experiment: str) -> Path:
        """What training sees."""
        return self.root / "places" / experiment

    def checkpoint(self, experiment: str) -> Path:
        """Trained weights, their experiment and the training log."""
        return self.root / "checkpoint" / experiment

    def training_state(self, experiment: str) -> Path:
        """What an interrupted training run needs to go on."""
        return self.root / "checkpoint" / f".{experiment}.training"

    def training_aside(self, experiment: str, identity: str) -> Path:
        """Where that state is set aside while another run of the experiment trains; `identity` is its fingerprint."""
        state = self.training_state(experiment)
        return state.with_name(f"{state.name}.{identity}")

    def benchmark(self, benchmark: str) -> Path:
        """Database, queries and positives."""
        return self.root / "benchmark" / benchmark

    def embeddings(self, benchmark: str, experiment: str) -> Path:
        """Descriptors of a benchmark's images."""
        return self.root / "embeddings" / benchmark / experiment

    def faiss_index(self, benchmark: str, experiment: str) -> Path:
        """Index over the database descriptors."""
        return self.root / "faiss_index" / benchmark / experiment

    def extraction(self, artifact: Path) -> Path:
        """Descriptors under way that `artifact` is made of; they outlive an interrupted run."""
        return artifact.with_name(f".{artifact.name}.extraction")

    def deployment_index(self, benchmark: str, experiment: str, kind: str) -> Path:
        """An approximate index over the database descriptors."""
        return self.root / "deployment_index" / benchmark / experiment / kind

    def index_report(self, benchmark: str, experiment: str) -> Path:
        """What every kind of index costs, and how well it agrees with exact search."""
        return self.root / "index_report" / benchmark / experiment

    def pca(self, experiment: str) -> Path:
        """Principal components of an experiment's descriptors."""
        return self.root / "pca" / experiment

    def pca_report(self, benchmark: str, experiment: str) -> Path:
        """Recall against the size of descriptors."""
        return self.root / "pca_report" / benchmark / experiment

    def recall_report(self, benchmark: str, experiment: str) -> Path:
        """Predictions, recalls and the page."""
        return self.root / "recall_report" / benchmark / experiment

    def baseline(self, benchmark: str, baseline: str) -> Path:
        """Recall of a baseline, shared by all experiments."""
        return self.root / "baseline" / benchmark / baseline

    def leaderboard(self) -> Path:
        """All recalls side by side."""
        return self.root / "leaderboard"

    def accepted(self, benchmark: str, experiment: str) -> Path:
        """The recall that a person accepted; git keeps it."""
        return self.root / "accepted" / benchmark / f"{experiment}.json"

    def incident(self, name: str) -> Path:
        """What is kept of a run that failed."""
        return self.root / "incidents" / f"{name}.json"

    def history(self, benchmark: str, experiment: str) -> Path:
        """A line for every recall report that ever stood there; nothing of the pipeline removes it."""
        return self.root / "history" / benchmark / f"{experiment}.jsonl"

    def history_page(self) -> Path:
        """Recall over time."""
        return self.root / "history" / "index.html"

    def export(self, experiment: str) -> Path:
        """An experiment's model for use elsewhere."""
        return self.root / "export" / experiment

    def match(self, name: str) -> Path:
        """Pages of `gsv-pipeline match`."""
        return self.root / "match" / name

    def wandb(self) -> Path:
        """Run files of W&B."""
        return self.root / "wandb"

    def experiments(self) -> Path:
        """Experiments that users write."""
        return self.root / "experiments"

    def datasets(self) -> Path:
        """Data sets that users define."""
        return self.root / "datasets"

    def benchmarks(self) -> Path:
        """Benchmarks that users define."""
        return self.root / "benchmarks"

    def downloads(self, dataset: str) -> Path:
        """What is downloaded of a data set so far; it outlives an interrupted run."""
        return self.root / ".downloads" / dataset

    def decoded(self, benchmark: str, image: str) -> Path:
        """Pixels of a benchmark's images at one size, kept for validation; they may be removed at any time."""
        return self.root / ".decoded" / f"{benchmark}-{image}.uint8"

    def show(self, name: str) -> Path:
        """Pages of `gsv-pipeline show`."""
        return self.root / "show" / name

    def key(self, artifact: Path) -> str:
        """An artifact's name in manifests and messages: its path below the data root, `embeddings/demo_test/demo`."""
        return artifact.relative_to(self.root).as_posix()

    def lock(self, artifact: Path) -> Path:
        """The file that a run locks while it makes `artifact`."""
        return self.root / ".locks" / (self.key(artifact).replace("/", ".") + ".lock")

    def failure(self, artifact: Path) -> Path:
        """Where a failed run says why, beside the artifact."""
        return artifact.with_name(artifact.name + FAILED)

    def partial(self, artifact: Path) -> Path:
        """The sibling in which `artifact` is written before it is renamed into place."""
        return artifact.with_name(f".{artifact.name}.partial")

    def previous(self, artifact: Path) -> Path:
        """Where the artifact that is being replaced stands meanwhile."""
        return artifact.with_name(artifact.name + PREVIOUS)

    def owner(self, path: Path) -> Path:
        """The artifact beside which `path` stands (`x` of `x.previous` and of `.x.partial`); else `path` itself."""
        found = _BESIDE.fullmatch(path.name)
        return path.with_name(found["hidden"] or found["shown"]) if found else path

    def entries(self, stage: str) -> list[Path]:
        """All that lies where a stage's artifacts do: they, and what stands beside them; no link is followed."""
        if not DEPTHS[stage]:
            return sorted(path for path in self.root.glob(f"*{stage}*") if self.owner(path).name == stage)
        level = [self.root / stage]
        for _ in range(DEPTHS[stage]):
            level = [
                item for folder in level if folder.is_dir() and not folder.is_symlink() for item in folder.iterdir()
            ]
        return sorted(level)

    def ensure_root(self) -> None:
        """Create the data root.

        Raises:
            DataError: It cannot be created or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"The data root {self.root} cannot be created: {error.strerror}. "
                f"Choose another one with --data-root or {DATA_ROOT_VARIABLE}."
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise DataError(
                f"The data root {self.root} is read-only for this user. Make it writable, "
                f"or choose another one with --data-root or {DATA_ROOT_VARIABLE}."
            )
