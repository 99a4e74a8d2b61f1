"""The state of an interrupted training: gone on from by the command that began it, set aside for any other."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsv_pipeline import recipes
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import describe_difference, read_manifest, write_json
from gsv_pipeline.tracking import Tracker


def refuse_changed_training(layout: Layout, experiment: Experiment) -> None:
    """A checkpoint is hours of work: it is not replaced because a setting was edited. The record of a callable is none.

    Raises:
        ConfigError: The checkpoint on disk was made with other settings.
    """
    if experiment.callable is not None:
        return
    found = read_manifest(layout.checkpoint(experiment.name))
    wanted = recipes.checkpoint(layout, experiment)
    difference = describe_difference(found.config, wanted.config or {}) if found else ""
    if difference:
        kept = f"the checkpoint that is there is kept as {experiment.name}.previous"
        _refuse(layout.key(wanted.path), difference, experiment=experiment, kept=kept)


def open_state(
    layout: Layout, experiment: Experiment, ours: Mapping[str, Any], *, replace: bool, tracker: Tracker
) -> Path:
    """The folder to train in: with the state of this very run where it was interrupted, else empty.

    A restart goes on from a state that a restart left: a killed `--restart`, typed again, is no third beginning. The
    state of any other run is set aside under its own name, and the command that began it brings it back.

    Args:
        layout: Where things live.
        experiment: What is trained.
        ours: `identity` (the fingerprint), `config` and `restart` of this run.
        replace: Set an interrupted run of other settings aside instead of refusing.
        tracker: Told what is set aside or brought back.

    Raises:
        ConfigError: A run of other settings was interrupted, and nothing says that this one may begin.
    """
    state = layout.training_state(experiment.name)
    ours_aside = layout.training_aside(experiment.name, ours["identity"])
    found = recipes.begun_training(state)
    if _goes_on(found, ours):
        return state
    is_back = _goes_on(recipes.begun_training(ours_aside), ours)
    difference = describe_difference(found["config"], ours["config"]) if found else ""
    if difference and not (ours["restart"] or replace or is_back):
        kept = "the state of the interrupted one is set aside, not lost"
        _refuse(f"the interrupted training of '{experiment.name}'", difference, experiment=experiment, kept=kept)
    _set_aside(layout, experiment, found, difference, tracker=tracker)
    if is_back:
        tracker.message(f"The training of '{experiment.name}' that was set aside goes on")
        ours_aside.rename(state)
    else:
        state.mkdir(parents=True)
        write_json(state / recipes.IDENTITY_FILE, ours)
    return state


def _goes_on(found: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return found.get("identity") == ours["identity"] and (found["restart"] or not ours["restart"])


def _set_aside(
    layout: Layout, experiment: Experiment, found: Mapping[str, Any], difference: str, *, tracker: Tracker
) -> None:
    state = layout.training_state(experiment.name)
    if not found:  # nothing says what it is a state of, so no run could go on from it
        shutil.rmtree(state, ignore_errors=True)
        return
    aside = layout.training_aside(experiment.name, str(found["identity"]))
    shutil.rmtree(aside, ignore_errors=True)  # an older state of the same run
    state.rename(aside)
    of_what = f" of other settings ({difference})" if difference else ""
    tracker.message(
        f"The interrupted training of '{experiment.name}'{of_what} is set aside as {aside}. "
        "The command that began it goes on from there; gsv-pipeline clean frees it once another training is finished."
    )


def _refuse(what: str, difference: str, *, experiment: Experiment, kept: str) -> None:
    raise ConfigError(
        f"{what} was made by another configuration ({difference}). To train anew, run: "
        f"gsv-pipeline train {experiment.name} --restart{experiment.settings} ({kept}). "
        "An interrupted training goes on with the very command that began it. "
        "To keep both, give the changed experiment another name.",
        {"difference": difference},
    )
