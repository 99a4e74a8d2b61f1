"""What it takes to run a report again: its commit, its experiment, its data sets and the commands in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import RECALL_FILE
from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.errors import ConfigError, DataError, few
from gsv_pipeline.evaluation.history import recorded_steps
from gsv_pipeline.evaluation.history_file import Step
from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import Link, find_artifact, trace, walk
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.provenance import CHANGES

AGAIN: Final = "-again"
"""Ends the experiment's name, since one that ships cannot be overwritten by a file of its name."""
_HERE: Final = "--here runs the code that is here instead."


@dataclass(frozen=True, slots=True)
class Plan:
    """A report that is to be made again.

    Args:
        layout: Where it lives.
        report: Its folder.
        steps: Key -> what is recorded of each part of its chain, inputs first.
        commit: Of the code that wrote it; empty where today's code is to run.
        experiment: The settings of its experiment, as a YAML has them.
    """

    layout: Layout
    report: Path
    steps: Mapping[str, Step]
    commit: str
    experiment: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Of the report."""
        return self.layout.key(self.report)

    @property
    def name(self) -> str:
        """What the experiment is called this time."""
        return self.report.name + AGAIN

    @property
    def again(self) -> str:
        """Key of the report that will be made."""
        return self.key + AGAIN

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets of the chain."""
        return [key.partition("/")[2] for key in self.steps if key.startswith("dataset/")]

    def commands(self) -> list[list[str]]:
        """Arguments of `gsv-pipeline`, in order."""
        every = (self._command(key, step) for key, step in self.steps.items())
        return [command for command in every if command]

    def _command(self, key: str, step: Step) -> list[str]:
        stage, _, rest = key.partition("/")
        subject = rest.partition("/")[0]
        who = ["--experiment", self.name]
        known = {
            "catalog": ["catalog", subject, *_catalog_options(step.config)],
            "places": ["places", self.name],
            "benchmark": ["benchmark", subject, *self._benchmark_options(subject)],
            "checkpoint": ["train", self.name],
            "embeddings": ["embed", subject, *who, *_embed_options(step.config)],
            "faiss_index": ["index", subject, *who],
            "recall_report": ["evaluate", subject, *who],
        }
        return known.get(stage, [])

    def _benchmark_options(self, name: str) -> list[str]:
        made = read_manifest(self.layout.benchmark(name))
        return ["--admit-deviations"] if made and made.metadata.get("deviations") else []


def plan_reproduction(layout: Layout, name: str, *, here: bool) -> Plan:
    """What it takes to run the report called `name` again.

    Args:
        layout: Where to look.
        name: A key, or a path into the report.
        here: With the code that is here.

    Raises:
        ConfigError: No such report, or code that no commit holds.
        DataError: The chain is broken, so that nobody knows what went into the report.
    """
    home, report = find_artifact(layout, name)
    if not (report / RECALL_FILE).is_file():
        raise ConfigError(
            f"{home.key(report)} is no recall report, expected recall_report/BENCHMARK/EXPERIMENT. "
            "gsv-pipeline status lists those that are there."
        )
    steps = recorded_steps(home, report)
    _require_whole(steps)
    experiment = _experiment(home, report, steps)
    return Plan(home, report, steps, "" if here else _commit(home.key(report), steps), experiment)


def _require_whole(steps: Mapping[str, Step]) -> None:
    unknown = [key for key, step in steps.items() if not step.created and not key.startswith("dataset/")]
    if unknown:
        raise DataError(
            f"The chain of the report is broken at {unknown[0]}: version {steps[unknown[0]].version} "
            "went into it, which is not there any more, and the history has no word on it. What it was made of is not "
            "known. gsv-pipeline lineage shows the chain."
        )


def _commit(key: str, steps: Mapping[str, Step]) -> str:
    """The commit of the code that wrote the report, if every part of the chain was made by committed code.

    Raises:
        ConfigError: It was not.
    """
    made = {
        name: str(step.surroundings.get("git", "")) for name, step in steps.items() if not name.startswith("dataset/")
    }
    unknown = [name for name, version in made.items() if not version]
    dirty = [name for name, version in made.items() if version.endswith(CHANGES)]
    if unknown:
        raise ConfigError(
            f"{few(unknown, 3)} came from code outside of a git checkout, so nobody knows which code that was. {_HERE}"
        )
    if dirty:
        raise ConfigError(
            f"{few(dirty, 3)} came from code with changes that no commit holds ({made[dirty[0]]}), so that code cannot "
            f"be brought back. {_HERE}"
        )
    return made[key]


def _experiment(layout: Layout, report: Path, steps: Mapping[str, Step]) -> dict[str, Any]:
    """The resolved experiment beside the checkpoint, at the size at which the report's images were described.

    Raises:
        DataError: That very checkpoint is gone, or its experiment, or the weights that it imported.
    """
    checkpoint = f"checkpoint/{report.name}"
    path = _yaml_of(layout, report, checkpoint)
    try:
        values = dict(yaml.safe_load(path.read_text(encoding="utf-8"))) if path else {}
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        values = {}
    if not values:
        raise DataError(
            f"{checkpoint} in version {steps[checkpoint].version} is gone, and with it the experiment that it was made "
            "by. Without it nothing can be run again."
        )
    values.pop("name", None)
    _require_weights(values, steps[checkpoint])
    described = steps[f"embeddings/{report.parent.name}/{report.name}"].config.get("image")
    if described:
        values["evaluation_image"] = None if described == values.get("image") else described
    return values


def _require_weights(experiment: Mapping[str, Any], checkpoint: Step) -> None:
    path = experiment.get("weights")
    if path and recipes.file_hash(Path(path)) != checkpoint.config.get("weights"):
        raise DataError(f"The weights {path} are others than those that were imported then. Put the old ones back.")


def _yaml_of(layout: Layout, report: Path, checkpoint: str) -> Path | None:
    links: Sequence[Link] = [link for link in walk(trace(layout, report)) if link.key == checkpoint]
    return next((link.experiment_yaml for link in links if link.experiment_yaml), None)


def _catalog_options(config: Mapping[str, Any]) -> list[str]:
    options = []
    for setting, option in (("look", "--look"), ("max_quarantined", "--max-quarantined")):
        if config.get(setting) is not None:
            options += [option, str(config[setting])]
    return options


def _embed_options(config: Mapping[str, Any]) -> list[str]:
    precision = config.get("precision", PRECISION)
    options = [] if precision == PRECISION else ["--precision", str(precision)]
    return [*options, *(["--skip-broken"] if config.get("skip_broken") else [])]
