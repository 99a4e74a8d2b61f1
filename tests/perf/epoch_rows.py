"""A whole epoch of the demo, from the places on disk to the checkpoint: the fast path against the plain one.

Both through the stage that people run, with everything that it does: images, augmentation, steps, one validation and
the checkpoint. `training.plain` computes as the reference does: Pillow, one image after the other, eager float32.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gsv_pipeline import stages
from gsv_pipeline.config import Experiment, experiment_files, load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.perf.catalog_rows import BENCH
from tests.perf.measure import Row, in_turn

DATASET: Final = "demo"
VALIDATION: Final = "demo_val"
ONE_EPOCH: Final = ("training.epochs=1", "training.validate_every_epochs=1")
_ROUNDS: Final = 3


def train_an_epoch() -> Row:
    """Seconds of a training of one epoch; the rendered cities are kept for the next time."""
    layout = _prepared()
    plain, fast = (_experiment(layout, plain=plain) for plain in (True, False))
    baseline, ours = in_turn(lambda: _train(layout, plain), lambda: _train(layout, fast), rounds=_ROUNDS)
    return Row("demo_epoch", baseline, ours, "s", 2.5, "training.plain=true; wall, with validation and checkpoint")


EPOCH_ROWS: Final[Mapping[str, Callable[[], Row]]] = {"demo_epoch": train_an_epoch}


def _prepared() -> Layout:
    layout, tracker = Layout.find(BENCH / "demo_root"), NullTracker()
    layout.experiments().mkdir(parents=True, exist_ok=True)
    stages.fetch_dataset(layout, DATASET, tracker=tracker)
    stages.build_catalog(layout, DATASET, tracker=tracker)
    stages.build_benchmark(layout, VALIDATION, tracker=tracker)
    return layout


def _experiment(layout: Layout, *, plain: bool) -> Experiment:
    """The shipped demo under a name of its own, with its places."""
    name = "epoch_plain" if plain else "epoch_fast"
    shipped = experiment_files(layout)[DATASET].read_text(encoding="utf-8")
    (layout.experiments() / f"{name}.yaml").write_text(shipped, encoding="utf-8")
    experiment = load_experiment(layout, name, (*ONE_EPOCH, f"training.plain={str(plain).lower()}"))
    stages.build_places(layout, experiment, tracker=NullTracker())
    return experiment


def _train(layout: Layout, experiment: Experiment) -> None:
    stages.train(layout, experiment, tracker=NullTracker(), restart=True)
