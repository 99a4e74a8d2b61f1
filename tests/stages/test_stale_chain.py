"""What a change makes stale along the chain, what it leaves fresh, and what a stage refuses to read."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources.demo import TRAINING_CITIES
from tests.tiny import own_experiment, tiny_experiment
from tests.trackers import TRACKER


def test_a_missing_input_is_refused_with_the_stage_to_run(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout)
    with pytest.raises(
        StaleInputError, match=r"'places/demo' is needed, but it is missing. Run: gsv-pipeline places demo"
    ):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    with pytest.raises(StaleInputError, match="Run: gsv-pipeline fetch demo"):
        stages.build_catalog(Layout(tiny_layout.root / "elsewhere"), "demo", tracker=TRACKER)


def test_an_image_changed_in_place_makes_the_catalog_stale_and_what_follows_it(chain_layout: Layout) -> None:
    image = sorted((chain_layout.dataset("demo") / "Images").rglob("*.JPG"))[0]
    image.write_bytes(image.read_bytes() + b"\xff\xd9")
    again = stages.build_catalog(chain_layout, "demo", tracker=TRACKER)
    assert not again.cached
    experiment = tiny_experiment(chain_layout)
    with pytest.raises(StaleInputError, match="'places/demo' is needed, but its input catalog/demo has changed"):
        stages.train(chain_layout, experiment, tracker=TRACKER)


def test_an_image_that_changed_makes_everything_that_saw_it_stale_although_all_tables_keep_their_rows(
    chain_layout: Layout,
) -> None:
    experiment = tiny_experiment(chain_layout)
    query = pd.read_parquet(chain_layout.benchmark("demo_test") / "queries.parquet")["image_id"][0]
    other = sorted((chain_layout.dataset("demo") / "Images" / TRAINING_CITIES[0]).iterdir())[0]
    (chain_layout.dataset("demo") / query).write_bytes(other.read_bytes())
    stages.build_catalog(chain_layout, "demo", tracker=TRACKER)
    assert stages.build_places(chain_layout, experiment, tracker=TRACKER).cached is False
    assert not stages.build_benchmark(chain_layout, "demo_test", tracker=TRACKER).cached
    stages.build_benchmark(chain_layout, "demo_val", tracker=TRACKER)
    assert stages.train(chain_layout, experiment, tracker=TRACKER).cached, "no training image changed"
    assert not stages.embed(chain_layout, experiment, "demo_test", tracker=TRACKER).cached
    assert stages.embed(chain_layout, experiment, "demo_val", tracker=TRACKER).cached, "no image of it changed"


def test_an_equal_table_keeps_everything_after_it_fresh(chain_layout: Layout) -> None:
    first = read_manifest(chain_layout.catalog("demo"))
    again = stages.build_catalog(chain_layout, "demo", tracker=TRACKER, force=True)
    assert not again.cached
    assert first is not None
    assert again.data_version == first.data_version
    assert stages.train(chain_layout, tiny_experiment(chain_layout), tracker=TRACKER).cached


def test_an_artifact_of_another_configuration_is_refused_by_what_reads_it(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "image.height=48")
    with pytest.raises(StaleInputError, match="made by another configuration .image.height: found 32, expected 48"):
        stages.embed(chain_layout, changed, "demo_test", tracker=TRACKER)


def test_a_setting_that_shapes_nothing_leaves_the_checkpoint_fresh(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "training.checkpoint_every_steps=3", "description=other words")
    assert stages.train(chain_layout, changed, tracker=TRACKER).cached


def test_the_same_weights_at_another_input_size_are_described_anew(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    shutil.copy(chain_layout.checkpoint("demo") / "model.safetensors", weights)
    imported = own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    stages.train(chain_layout, imported, tracker=TRACKER)
    stages.embed(chain_layout, imported, "demo_test", tracker=TRACKER)
    larger = imported.model_copy(update={"image": imported.image.model_copy(update={"height": 64})})
    stages.train(chain_layout, larger, tracker=TRACKER, replace=True)
    assert not stages.embed(chain_layout, larger, "demo_test", tracker=TRACKER).cached
