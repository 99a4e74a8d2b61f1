"""What makes the demo tiny: a rendered city and an experiment that trains on it in a second."""

import json
import shutil
from collections.abc import Sequence

import yaml

from gsv_pipeline import stages
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker

TINY_CITY = {"places": 6, "images": 4, "validation_queries": 6, "test_queries": 8, "width": 96, "height": 72}
TINY_TRAINING = (
    "image.height=32",
    "image.width=40",
    "model.backbone={name: resnet18, weights: none, layers_to_crop: [3, 4]}",
    "model.aggregator={name: convap, out_channels: 8}",
    "training.epochs=2",
    "training.places_per_batch=12",
    "training.validate_every_epochs=1",
    "training.checkpoint_every_steps=1",
    "training.precision=32-true",
)


def tiny_experiment(layout: Layout, *overrides: str) -> Experiment:
    """The shipped demo, small enough to train in a second."""
    return load_experiment(layout, "demo", (*TINY_TRAINING, *overrides))


def own_experiment(layout: Layout, name: str, extra: str, *, training: bool = True) -> Experiment:
    """A user's experiment under the data root, as tiny as the others.

    Args:
        layout: Where it is written.
        name: Of the experiment.
        extra: YAML that follows what makes it tiny.
        training: Whether it says how it is trained.
    """
    values = json.loads(tiny_experiment(layout).model_dump_json(exclude={"name", "weights", "seed"}))
    if not training:
        values.pop("training")
    layout.experiments().mkdir(exist_ok=True)
    (layout.experiments() / f"{name}.yaml").write_text(yaml.safe_dump(values) + extra)
    return load_experiment(layout, name)


def experiment_with_weights(layout: Layout, name: str) -> Experiment:
    """A user's experiment under the data root: the tiny model, with the weights that were trained for the demo."""
    weights = layout.root / "tiny.safetensors"
    shutil.copy(layout.checkpoint("demo") / "model.safetensors", weights)
    return own_experiment(layout, name, f"weights: {weights}\n", training=False)


def run_chain(layout: Layout, experiment: Experiment, benchmarks: Sequence[str] = ("demo_val", "demo_test")) -> None:
    """Every stage after the catalog."""
    tracker = NullTracker()
    stages.build_places(layout, experiment, tracker=tracker)
    for benchmark in benchmarks:
        stages.build_benchmark(layout, benchmark, tracker=tracker)
    stages.train(layout, experiment, tracker=tracker)
    for benchmark in benchmarks:
        stages.embed(layout, experiment, benchmark, tracker=tracker)
        stages.build_index(layout, experiment, benchmark, tracker=tracker)
        stages.evaluate(layout, experiment, benchmark, tracker=tracker)
    stages.write_leaderboard(layout, tracker=tracker)
