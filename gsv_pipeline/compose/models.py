"""The model of an experiment: built, with its trained weights, or somebody's callable."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import CALLABLE_FILE, EXPERIMENT_FILE, MODEL_FILE
from gsv_pipeline.compose.names import UNTRAINED_SEED
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import DataError
from gsv_pipeline.hardware import choose_device
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, require, write_json
from gsv_pipeline.production import Output
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.models.external import ExternalModel, Probed
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


def is_pretrained(experiment: Experiment) -> bool:
    """Whether the experiment's backbone begins with weights that others trained."""
    from gsv_pipeline.models.backbones.published import IMAGENET, NONE

    return str(experiment.model.backbone.arguments.get("weights", IMAGENET)) != NONE


def check_model_of(layout: Layout, experiment: Experiment) -> None:
    """Whether the experiment's model can be built and takes images of both of its sizes; without building it.

    Raises:
        ConfigError: What does not fit.
    """
    from gsv_pipeline.models.callables import check_external
    from gsv_pipeline.models.vpr_model import check_model

    if experiment.callable is not None:
        check_external(experiment.callable, experiment.arguments, folders=recipes.callable_folders(layout))
        return
    images = (experiment.image, experiment.described_image)
    for size in dict.fromkeys((image.height, image.width) for image in images):
        check_model(**model_arguments(experiment), image_size=size)


def record_callable(layout: Layout, experiment: Experiment, *, target: Path, tracker: Tracker) -> Output:
    """Ask an experiment's callable once, and write into `target` what it is; its weights are its own business.

    Raises:
        ConfigError: It cannot be loaded or called, or returns no descriptors.
    """
    _, probed = _load_callable(layout, experiment)
    config = recipes.architecture(layout, experiment, experiment.described_image)
    facts = {"descriptor_size": probed.descriptor_size, "depends_on_batch": probed.depends_on_batch}
    if probed.depends_on_batch:
        tracker.message(
            f"Descriptors of '{experiment.callable}' depend on the other images of the batch: its recall holds for "
            "batches of this size and order only"
        )
    write_json(target / CALLABLE_FILE, {**config, **facts})
    (target / EXPERIMENT_FILE).write_text(experiment.to_yaml(), encoding="utf-8")
    return Output({"callable": experiment.callable, **facts}, version_files=(CALLABLE_FILE,))


def _load_callable(layout: Layout, experiment: Experiment) -> "tuple[ExternalModel, Probed]":
    from gsv_pipeline.models.callables import build_external

    assert experiment.callable is not None  # whoever calls this has looked
    folders, image = recipes.callable_folders(layout), experiment.described_image
    model = build_external(experiment.callable, experiment.arguments, folders=folders)
    model.to(choose_device())
    return model, model.probe(image.height, image.width)


def load_model(layout: Layout, experiment: Experiment) -> "nn.Module":
    """The model of an experiment with its checkpoint's weights, ready to describe images.

    Raises:
        StaleInputError: There is no checkpoint, or it was made by another configuration.
        ConfigError: The experiment's callable cannot be loaded or called.
    """
    from gsv_pipeline.embeddings.extract import prepare
    from gsv_pipeline.models.checkpoint import load_checkpoint

    require(layout, recipes.checkpoint(layout, experiment))
    if experiment.callable is not None:
        return _load_callable(layout, experiment)[0]
    # The checkpoint overwrites every weight: pretrained ones need not be fetched for that.
    model = build_model_of(experiment, seed=UNTRAINED_SEED, pretrained=False)
    try:
        load_checkpoint(layout.checkpoint(experiment.name) / MODEL_FILE, model)
    except DataError as error:
        raise DataError(
            f"{error} To make it anew, run: gsv-pipeline train {experiment.name} --restart{experiment.settings}"
        ) from error
    return prepare(model.eval())


def input_versions(layout: Layout, recipe: Recipe) -> dict[str, str]:
    """Data versions of everything an artifact is made from, all the way up."""
    versions: dict[str, str] = {}
    for item in recipe.inputs:
        versions[layout.key(item.path)] = require(layout, item).data_version
        versions.update(input_versions(layout, item))
    return dict(sorted(versions.items()))
