"""The model of an experiment: built, or with its trained weights."""

from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.compose.names import MODEL_FILE, UNTRAINED_SEED
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, require

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.models.vpr_model import VPRModel


def model_arguments(experiment: Experiment) -> dict[str, Any]:
    """What `build_model` takes, without the seed."""
    parts = experiment.model
    return {
        "backbone": parts.backbone.name,
        "backbone_args": parts.backbone.arguments,
        "aggregator": parts.aggregator.name,
        "aggregator_args": parts.aggregator.arguments,
    }


def build_model_of(experiment: Experiment, *, seed: int, pretrained: bool) -> "VPRModel":
    """The experiment's model with fresh weights; without `pretrained` nothing is downloaded."""
    from gsv_pipeline.models.vpr_model import build_model

    arguments = model_arguments(experiment)
    if not pretrained:
        arguments["backbone_args"] = {**arguments["backbone_args"], "weights": "none"}
    return build_model(**arguments, seed=seed)


def load_model(layout: Layout, experiment: Experiment) -> "nn.Module":
    """The model of an experiment with its checkpoint's weights, ready to describe images.

    Raises:
        StaleInputError: There is no checkpoint, or it was made by another configuration.
    """
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.models.checkpoint import load_checkpoint

    require(layout, recipes.checkpoint(layout, experiment))
    # The checkpoint overwrites every weight: pretrained ones need not be fetched for that.
    model = build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False)
    try:
        load_checkpoint(layout.checkpoint(experiment.name) / MODEL_FILE, model)
    except DataError as error:
        raise DataError(f"{error} To make it anew, run: gsv-pipeline train {experiment.name} --restart") from error
    return prepare(model.eval())


def input_versions(layout: Layout, recipe: Recipe) -> dict[str, str]:
    """Data versions of everything an artifact is made from, all the way up."""
    versions: dict[str, str] = {}
    for item in recipe.inputs:
        versions[layout.key(item.path)] = require(layout, item).data_version
        versions.update(input_versions(layout, item))
    return dict(sorted(versions.items()))
