"""Which runs schedules and sensors ask for: what is on disk at that moment, as far as the code location knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from assets.dataset import CATALOG_ASSETS
from assets.embeddings import Precision, options_as_made
from assets.jobs import EVALUATION, catalog_keys, evaluation_keys, full_look_config
from assets.partitions import EXPERIMENTS
from assets.presence import present_benchmarks, present_catalogs, present_comparable
from assets.recall_report import REPORT_ASSETS
from gsv_pipeline import recipes
from gsv_pipeline.acceptance import accepted_experiments
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import GsvError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, why_stale


@dataclass(frozen=True, slots=True)
class NewCheckpoints:
    """What a look at the checkpoints found.

    Args:
        requests: A run for each that is new and can be benchmarked.
        known: Experiment -> data version of every checkpoint that is there, but for those left out.
        remarks: Why others that are new are left out; the next look asks again.
    """

    requests: list[dg.RunRequest]
    known: dict[str, str]
    remarks: list[str]


def rebenchmark_requests(layout: Layout, at: datetime) -> list[dg.RunRequest]:
    """A run for each accepted experiment: everything after its checkpoint, again, on all benchmarks that are there."""
    benchmarks, experiments = _loaded(present_comparable(layout)), set(EXPERIMENTS.get_partition_keys())
    return [
        dg.RunRequest(
            run_key=f"{at.isoformat()} {name}",
            partition_key=name,
            asset_selection=evaluation_keys(benchmarks),
            run_config=_recompute_as_made(layout, name, benchmarks),
        )
        for name in accepted_experiments(layout)
        if benchmarks and name in experiments
    ]


def revalidate_requests(layout: Layout, at: datetime) -> list[dg.RunRequest]:
    """A run for each data set that is there, so that damage to one is told as its own."""
    return [
        dg.RunRequest(
            run_key=f"{at.isoformat()} {name}",
            asset_selection=catalog_keys([name]),
            run_config=full_look_config([name]),
        )
        for name in present_catalogs(layout)
        if name in CATALOG_ASSETS
    ]


def new_checkpoints(layout: Layout, known: Mapping[str, str]) -> NewCheckpoints:
    """Checkpoints on disk, whoever made them, that are others than `known` (experiment -> data version)."""
    benchmarks = _loaded(present_benchmarks(layout))
    found = {name: version for name in EXPERIMENTS.get_partition_keys() if (version := _version(layout, name))}
    requests, remarks, known_now = [], [], dict(found)
    for name in sorted(name for name, version in found.items() if known.get(name) != version):
        reason = _why_not(layout, name)
        if reason:
            remarks.append(f"checkpoint/{name} is not benchmarked: {reason}")
            del known_now[name]
            continue
        # Two experiments may import the same weights, so the name is part of the key.
        requests.append(
            dg.RunRequest(
                run_key=f"{name}-{found[name]}", partition_key=name, asset_selection=evaluation_keys(benchmarks)
            )
        )
    return NewCheckpoints(requests, known_now, remarks)


def _loaded(benchmarks: list[str]) -> list[str]:
    """Those with assets; one that was defined since the code location was loaded has none yet."""
    return [name for name in benchmarks if name in REPORT_ASSETS]


def _version(layout: Layout, experiment: str) -> str:
    try:
        found = read_manifest(layout.checkpoint(experiment))
    except GsvError:
        return ""  # damaged: `status` says so
    return found.data_version if found else ""


def _why_not(layout: Layout, experiment: str) -> str:
    """Why a checkpoint cannot be benchmarked with the settings of its YAML."""
    try:
        recipe = recipes.checkpoint(layout, load_experiment(layout, experiment))
        return why_stale(layout, recipe) or ""
    except GsvError as error:
        return str(error)


def _recompute_as_made(layout: Layout, experiment: str, benchmarks: list[str]) -> dict[str, Any]:
    """Recompute with the settings that the descriptors were made with; others would be a change of our own making."""
    ops = {f"{step}__{name}": {"config": {"recompute": True}} for name in benchmarks for step in EVALUATION}
    config: dict[str, Any] = {"ops": ops}
    for benchmark in benchmarks:
        made = options_as_made(layout, experiment, benchmark)
        chosen = {"precision": Precision(made.precision).name, "skip_broken": made.skip_broken}
        config["ops"][f"embeddings__{benchmark}"]["config"] |= chosen
    return config
