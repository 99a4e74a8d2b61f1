"""What is left of a training: best and last weights, what is known of them, and a copy for the tracker."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline.artifact_files import LAST_MODEL_FILE, MODEL_FILE
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from gsv_pipeline.models.vpr_model import VPRModel
    from gsv_pipeline.tracking.wandb_run import RunDescription
    from gsv_pipeline.training.state import Progressed


def keep_last(model: "VPRModel", done: "Progressed", *, target: Path) -> dict[str, str]:
    """Write the weights after the last step, which `model` still holds, unless they are the best ones.

    Returns:
        The fact for the manifest.
    """
    from gsv_pipeline.models.checkpoint import save_checkpoint

    if done.best_step == done.step:
        return {}
    save_checkpoint(target / LAST_MODEL_FILE, model)
    return {"last_weights": LAST_MODEL_FILE}


def best_recalls(done: "Progressed") -> dict[str, float]:
    """Recalls of the validation that chose the weights; empty where nothing was validated."""
    best = next((row for row in done.validations if row["step"] == done.best_step), {})
    return {name: value for name, value in best.items() if name != "step"}


def known_of(done: "Progressed", description: "RunDescription") -> dict[str, Any]:
    """What goes with the weights wherever they go: how good they are, and what they were made from."""
    versions = {name: description.config[name] for name in ("inputs", "git")}
    return {"run": description.run_id, "step": done.best_step, "steps": done.step, **best_recalls(done), **versions}


def log_weights(tracker: Tracker, model: "VPRModel", *, folder: Path, name: str, metadata: Mapping[str, Any]) -> None:
    """Give the tracker the best weights as an artifact, by way of a file in `folder`."""
    from gsv_pipeline.models.checkpoint import save_checkpoint

    save_checkpoint(folder / MODEL_FILE, model)
    tracker.artifact(f"{name}-checkpoint", folder / MODEL_FILE, "model", metadata=metadata)
