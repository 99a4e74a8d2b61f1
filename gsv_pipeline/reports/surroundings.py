"""What a report says of the steps behind its numbers: by which code each was made, on what, and in which run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import trace, walk
from gsv_pipeline.manifest import read_manifest, to_minute
from gsv_pipeline.provenance import CHANGES

_REPORT: Final = "Report"
_STAGES: Final[Mapping[str, str]] = {"checkpoint": "Weights", "embeddings": "Descriptors"}
"""Steps that can move a number of their own accord -> what the report calls them, in flow order."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A step behind a report.

    Args:
        name: As the report calls it.
        origin: What its manifest says of code, packages and machine.
        time: When it was made, ISO 8601; empty for the report itself, which tells its date elsewhere.
        wandb_runs: Of W&B, by their ids.
    """

    name: str
    origin: Mapping[str, Any]
    time: str = ""
    wandb_runs: tuple[str, ...] = ()


def surroundings_of(layout: Layout, benchmark: str, experiment: str, *, now: Mapping[str, Any]) -> dict[str, str]:
    """A line for weights, descriptors and report each, and the packages, with those that differ from step to step.

    The report's own W&B run begins after its page is written: `gsv-pipeline lineage` tells it.

    Args:
        layout: Where the artifacts live.
        benchmark: Whose descriptors were searched.
        experiment: Its name.
        now: What `provenance` says of the process that writes the report.

    Raises:
        DataError: A manifest is damaged.
    """
    steps = [*_steps_behind(layout, benchmark, experiment), _Made(_REPORT, now)]
    return {**{f"{step.name} made by": _made_words(step) for step in steps}, **_packages(steps)}


def _steps_behind(layout: Layout, benchmark: str, experiment: str) -> list[_Made]:
    descriptors = layout.embeddings(benchmark, experiment)
    if read_manifest(descriptors) is None:
        return []
    return [
        _Made(_STAGES[link.stage], link.surroundings, link.manifest.created, link.wandb_runs)
        for link in walk(trace(layout, descriptors))
        if link.stage in _STAGES and link.manifest is not None
    ]


def _made_words(step: _Made) -> str:
    """`gsv-pipeline 0.1.0, commit 0123456789ab; NVIDIA H100; Python 3.11.7; …`, without what nobody noted."""
    origin = step.origin
    cpus = origin.get("cpus")
    words = [
        _code(origin),
        str(origin.get("device") or "a device that was not noted"),
        f"Python {origin['python']}" if origin.get("python") else "",
        str(origin.get("platform") or ""),
        f"{cpus} processors" if cpus else "",
        f"Dagster run {origin['dagster_run']}" if origin.get("dagster_run") else "",
        f"W&B run {', '.join(step.wandb_runs)}" if step.wandb_runs else "",
        to_minute(step.time),
    ]
    return "; ".join(word for word in words if word)


def _code(origin: Mapping[str, Any]) -> str:
    release, commit = origin.get("gsv_pipeline"), str(origin.get("git") or "")
    words = f"gsv-pipeline {release}" if release else "a release that was not noted"
    if not commit:
        return words
    changed = ", with changes that no commit holds" if commit.endswith(CHANGES) else ""
    return f"{words}, commit {commit.removesuffix(CHANGES)}{changed}"


def _packages(steps: Sequence[_Made]) -> dict[str, str]:
    """All of the report's; of each step before it those that had another version."""
    *before, report = steps
    ours: Mapping[str, str] = report.origin.get("packages") or {}
    told = {"Packages": _listed(ours)}
    for step in before:
        theirs: Mapping[str, str] | None = step.origin.get("packages")
        if theirs is None:
            told[f"Packages of {step.name.lower()}"] = "not noted"
            continue
        # What they did not note is not known to differ.
        others = {name: version for name, version in theirs.items() if ours.get(name) != version}
        if others:
            told[f"Other packages of {step.name.lower()}"] = _listed(others)
    return told


def _listed(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())
