"""What of a benchmark an experiment is scored on: all of it, or the cities that it leaves out of its training."""

import numpy as np

from gsv_pipeline.benchmarks import BenchmarkRow
from gsv_pipeline.benchmarks.data import BenchmarkData, load_benchmark
from gsv_pipeline.benchmarks.holdout import city_of
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest


def benchmark_of(layout: Layout, experiment: Experiment, name: str) -> BenchmarkData:
    """A benchmark as `experiment` is scored on it: of `gsv_holdout` only cities that it does not train on.

    Raises:
        ConfigError: Unknown benchmark, or the experiment leaves no city out.
        DataError: The benchmark's files are missing or damaged.
        StaleInputError: The experiment's places are missing, so nobody knows what it trains on.
    """
    data = load_benchmark(layout.benchmark(name))
    trained = trained_cities(layout, experiment, benchmark_row(layout, name))
    return _without(data, trained, experiment=experiment.name, benchmark=name) if trained else data


def trained_cities(layout: Layout, experiment: Experiment, row: BenchmarkRow) -> tuple[str, ...]:
    """Cities of the benchmark's images that the experiment trains on, sorted; empty where all may be tested on.

    That is so for a benchmark that is the same for all experiments, for weights and callables that were not trained
    here, and for an experiment that trains on other images.

    Raises:
        StaleInputError: The experiment's places are missing.
    """
    if not row.by_experiment or experiment.training is None or experiment.dataset not in (row.dataset, *row.relatives):
        return ()
    places = read_manifest(layout.places(experiment.name))
    if places is None:
        command = f"gsv-pipeline places {experiment.name}{experiment.settings}"
        raise StaleInputError(
            f"'{layout.key(layout.places(experiment.name))}' is needed to tell which cities '{experiment.name}' leaves "
            f"out, but it is missing. Run: {command}",
            {"run": command},
        )
    return tuple(sorted(map(str, places.metadata["cities"])))


def _without(data: BenchmarkData, cities: tuple[str, ...], *, experiment: str, benchmark: str) -> BenchmarkData:
    unseen = {side: (~city_of(table["place_id"]).isin(cities)).to_numpy(np.bool_) for side, table in data.sides.items()}
    if not (unseen["database"].any() and unseen["queries"].any()):
        present = sorted(set(city_of(data.queries["place_id"])))
        raise ConfigError(
            f"Experiment '{experiment}' trains on all {len(present)} cities of benchmark '{benchmark}', so "
            "there is nothing to test on. Leave some out of its training, for example "
            f"places.exclude_cities=[{present[-1]}], or take another benchmark."
        )
    return data.keep(unseen["database"], unseen["queries"])
