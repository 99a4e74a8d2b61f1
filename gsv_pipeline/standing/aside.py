"""Interrupted trainings that were set aside for another training of their experiment."""

from collections.abc import Callable, Iterator
from pathlib import Path

from gsv_pipeline import recipes
from gsv_pipeline.errors import GsvError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, describe_difference
from gsv_pipeline.standing.leftovers import bytes_below, is_finished, last_step
from gsv_pipeline.standing.state import INTERRUPTED, Standing, manifest_or_none


def trainings_aside(layout: Layout, experiment: str) -> list[Path]:
    """Their states, sorted; a folder that only looks like one is none."""
    state = layout.training_state(experiment)
    found = sorted(state.parent.glob(f"{state.name}.*"))
    return [path for path in found if path == layout.training_aside(experiment, _identity(path))]


def standings_aside(layout: Layout, experiment: str, *, make: Callable[[], Recipe]) -> Iterator[Standing]:
    """How each stands: where it stopped, in what it differs from the experiment, and what becomes of it.

    Args:
        layout: Where things live.
        experiment: Whose.
        make: Gives the recipe of the experiment's checkpoint.
    """
    made = manifest_or_none(layout.checkpoint(experiment))
    for path in trainings_aside(layout, experiment):
        step = last_step(path)
        end = (
            "another training was finished since: gsv-pipeline clean frees it"
            if is_finished(path, made)
            else "the command that began it goes on from there"
        )
        reason = f"a training that stopped at step {step} is set aside{_settings(path, make)}; {end}"
        yield Standing(layout.key(path), INTERRUPTED, reason, bytes_below(path), experiment=experiment, step=step)


def _settings(path: Path, make: Callable[[], Recipe]) -> str:
    """Its settings where they are others than the experiment's: by them a person knows which command began it."""
    try:
        wanted = make().config or {}
    except GsvError:
        return ""  # the row of the checkpoint says what is wrong with the experiment
    difference = describe_difference(recipes.begun_training(path)["config"], wanted)
    return f" ({difference})" if difference else ""


def _identity(path: Path) -> str:
    return str(recipes.begun_training(path).get("identity", ""))
