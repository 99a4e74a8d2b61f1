"""What the tables and the imports of the data and evaluation rooms promise."""

import inspect
import json
import subprocess
import sys

import pytest

from gsv_pipeline import benchmarks, catalog, embeddings, evaluation, index, models, places, reports, sources, training
from gsv_pipeline.benchmarks import BENCHMARKS, CATALOG, IMAGES
from gsv_pipeline.embeddings.baselines import BASELINES
from gsv_pipeline.registry import check_arguments, resolve
from gsv_pipeline.sources import DATASETS, SOURCES
from gsv_pipeline.sources import demo as demo_cities

ROOMS = (benchmarks, catalog, embeddings, evaluation, index, models, places, reports, sources, training, demo_cities)
HEAVY = {"torch", "torchvision", "lightning", "pandas", "pyarrow", "faiss", "wandb", "dagster", "matplotlib", "PIL"}
PROVIDED = ("target", "tracker")


def test_the_tables_are_not_empty():
    assert len(BENCHMARKS) >= 2
    assert len(SOURCES) >= 2
    assert len(DATASETS) >= 2
    assert len(BASELINES) >= 2


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_source_resolves_to_a_function_of_target_and_tracker(name):
    fetch = resolve(SOURCES[name].fetch)
    assert set(PROVIDED) <= set(inspect.signature(fetch).parameters)
    assert SOURCES[name].description


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_data_set_names_a_source_that_takes_its_arguments(name):
    row = DATASETS[name]
    assert row.source in SOURCES
    assert row.description
    assert row.licence
    fetch = resolve(SOURCES[row.source].fetch)
    required = [
        parameter
        for parameter, spec in inspect.signature(fetch).parameters.items()
        if spec.default is spec.empty and parameter not in PROVIDED and parameter not in row.arguments
    ]
    # What a source needs and the row does not give has to come from the user, who is told how.
    assert row.how_to_get or not required
    check_arguments("source", row.source, fetch, {**row.arguments, **dict.fromkeys(required)}, provided=PROVIDED)


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_benchmark_resolves_and_names_a_known_data_set(name):
    row = BENCHMARKS[name]
    arguments = {**row.arguments, **(dict.fromkeys(("lists", "forms", "name")) if row.takes == IMAGES else {})}
    _, *taken = inspect.signature(resolve(row.load)).parameters
    assert sorted(taken) == sorted(arguments)
    assert row.dataset in DATASETS
    assert DATASETS[row.dataset].has_catalog == (row.takes == CATALOG)
    assert bool(row.forms) == (row.takes == IMAGES)
    assert row.description
    assert row.licence


@pytest.mark.parametrize("name", sorted(name for name, row in BENCHMARKS.items() if row.dataset != "demo"))
def test_a_published_benchmark_says_what_it_is_and_what_others_reach_on_it(name):
    row = BENCHMARKS[name]
    assert row.variant
    assert row.source
    assert row.protocol.words
    assert row.has_positives == ("hidden" not in row.protocol.words)
    counts = (row.expected.database, row.expected.queries, row.expected.positives)
    assert bool(row.expected.source) == any(counts)
    assert set(row.expected.about) <= {"database", "queries", "positives"}
    for result in row.published:
        assert result.model
        assert result.source
        assert result.dimensions is None or result.dimensions > 0
        recalls = [result.recall_at[k] for k in sorted(result.recall_at)]
        assert sorted(result.recall_at)[0] == 1
        assert recalls == sorted(recalls)
        assert all(0 < recall <= 1 for recall in recalls)


@pytest.mark.parametrize("name", sorted(name for name, row in BENCHMARKS.items() if row.forms))
def test_every_form_of_a_benchmark_resolves_and_takes_its_arguments(name):
    for form in BENCHMARKS[name].forms:
        find = resolve(form.find)
        assert list(inspect.signature(find).parameters)[:2] == ["root", "lists"]
        check_arguments("form", form.find, find, form.arguments, provided=("root", "lists"))
        assert form.looks_like


def test_published_numbers_stand_with_the_variant_that_they_were_measured_on():
    def best(name, model, k=1):
        return max(item.recall_at[k] for item in BENCHMARKS[name].published if item.model == model)

    # FIELD 1.9 and 2: the same model on two variants of one name.
    assert best("msls_val", "MixVPR, ResNet50") == 0.882
    assert best("msls_val_all", "MixVPR, ResNet50") == 0.834
    assert best("nordland", "BoQ, ResNet50") == 0.707
    assert best("nordland_wide", "BoQ, ResNet50") == 0.831
    convap = {item.dimensions: item.recall_at for item in BENCHMARKS["pitts30k_test"].published if "Conv" in item.model}
    assert convap == {
        512: {1: 0.891, 5: 0.946},
        2048: {1: 0.9057, 5: 0.9513, 10: 0.9621, 15: 0.9683, 20: 0.972, 25: 0.9752},
        4096: {1: 0.905, 5: 0.953},
        8192: {1: 0.905, 5: 0.952},
    }


def test_no_city_is_tested_on_by_two_benchmarks_or_trained_on():
    cities = [(row.dataset, city) for row in BENCHMARKS.values() for city in row.cities]
    assert len(set(cities)) == len(cities)
    assert not {city for dataset, city in cities if dataset == "demo"} & set(demo_cities.TRAINING_CITIES)


@pytest.mark.parametrize("table", [SOURCES, DATASETS, BENCHMARKS, BASELINES])
def test_names_are_lowercase_snake(table):
    assert all(name.isidentifier() and name == name.lower() for name in table)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_room_has_a_version_and_a_sign(room):
    assert isinstance(room.VERSION, int)
    assert room.VERSION >= 1
    assert room.__doc__


def loaded_by(statement):
    script = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(name.split('.')[0] for name in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        f"import {', '.join(room.__name__ for room in ROOMS)}",
        "import gsv_pipeline, gsv_pipeline.stages, gsv_pipeline.recipes, gsv_pipeline.config, gsv_pipeline.manifest",
        "import gsv_pipeline.tracking.wandb_run, gsv_pipeline.tracking.dagster_log, gsv_pipeline.tracking.files",
    ],
    ids=["rooms", "stages", "tracking"],
)
def test_importing_loads_nothing_heavy(statement):
    assert loaded_by(statement) & HEAVY == set()


def test_importing_the_package_loads_nothing_that_is_installed():
    assert loaded_by("import gsv_pipeline") & {*HEAVY, "numpy", "pydantic", "yaml", "tqdm"} == set()
