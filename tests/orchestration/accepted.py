"""What `rebenchmark` is for: an experiment whose recalls were accepted."""

from typing import Final

from gsv_pipeline import stages
from gsv_pipeline.acceptance import accept
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import experiment_with_weights

BENCHMARKS: Final = ("demo_val", "demo_test")


def accepted_experiment(layout: Layout, name: str) -> None:
    """A user's experiment with the weights of the demo, benchmarked and accepted."""
    experiment = experiment_with_weights(layout, name)
    stages.train(layout, experiment, tracker=NullTracker())
    for benchmark in BENCHMARKS:
        stages.embed(layout, experiment, benchmark, tracker=NullTracker())
        stages.build_index(layout, experiment, benchmark, tracker=NullTracker())
        stages.evaluate(layout, experiment, benchmark, tracker=NullTracker())
    accept(layout, experiment, reason="good")
