"""Which benchmark chooses the best weights, where an experiment leaves that to what is there (`validation: auto`)."""

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.config import HOLDOUT, PUBLISHED_VALIDATION, Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources.published import canonical_city


def choose_validation(layout: Layout, experiment: Experiment) -> tuple[str, ...]:
    """The first published validation set that was built, else the cities that the experiment leaves out, else none."""
    for name in PUBLISHED_VALIDATION:
        if name in BENCHMARKS and read_manifest(layout.benchmark(name)) is not None:
            return (name,)
    return (HOLDOUT,) if leaves_cities_out(layout, experiment) else ()


def leaves_cities_out(layout: Layout, experiment: Experiment) -> bool:
    """Whether the holdout's data set has a city that the experiment does not train on."""
    row = BENCHMARKS.get(HOLDOUT)
    if row is None or experiment.dataset not in (row.dataset, *row.relatives):
        return False
    catalog = read_manifest(layout.catalog(row.dataset))
    cities = {canonical_city(str(city)) for city in catalog.metadata.get("cities", ())} if catalog else set()
    return bool(cities - _trained_cities(layout, experiment, cities))


def how_to_validate(experiment: Experiment) -> str:
    """What a person does who wants the best weights and not the last ones."""
    return (
        f"'{experiment.name}' has nothing to validate on, so its last weights are kept. Build a validation benchmark "
        f"(gsv-pipeline benchmark {' or '.join(PUBLISHED_VALIDATION)}), leave cities out for {HOLDOUT} "
        "(places.exclude_cities), or name benchmarks in training.validation"
    )


def _trained_cities(layout: Layout, experiment: Experiment, cities: set[str]) -> set[str]:
    places = read_manifest(layout.places(experiment.name))
    if places is not None and places.config.get("filter") == experiment.places.stated():
        return {canonical_city(str(city)) for city in places.metadata.get("cities", ())}
    # Before there are places, only clauses that name cities tell.
    chosen = {canonical_city(name) for name in experiment.places.cities} if experiment.places.cities else cities
    return chosen - {canonical_city(name) for name in experiment.places.exclude_cities or ()}
