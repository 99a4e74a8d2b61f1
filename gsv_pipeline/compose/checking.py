"""An experiment against the tables: does everything that it names exist, and fit together?"""

from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import held_out_cities
from gsv_pipeline.compose.benchmarks import check_validation
from gsv_pipeline.compose.models import build_model_of, check_model_of
from gsv_pipeline.config import AUTO, Experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.sources.published import canonical_city


def check_experiment(layout: Layout, experiment: Experiment) -> None:
    """Compare every name and argument of an experiment with the tables, before anything runs.

    Raises:
        ConfigError: The first thing that does not fit.
        DataError: A file of weights that is missing, unreadable, or of another model.
    """
    from gsv_pipeline.training.fit import check_training

    _check_places(layout, experiment)
    check_model_of(layout, experiment)
    _check_files(experiment)
    if experiment.training is not None:
        check_training(experiment.training)
        for benchmark in experiment.training.validation:
            if benchmark != AUTO:
                check_validation(layout, experiment, benchmark)


def _check_files(experiment: Experiment) -> None:
    """Open the weights that the experiment names, as importing them and training will; nothing is downloaded."""
    import torch

    from gsv_pipeline.models.backbones.pretrained import check_file
    from gsv_pipeline.models.checkpoint import check_checkpoint

    if experiment.weights is not None:
        recipes.file_hash(experiment.weights)
        with torch.device("meta"):  # names and shapes of the model are enough
            model = build_model_of(experiment, seed=experiment.seed, pretrained=False)
        check_checkpoint(experiment.weights, model)
    elif experiment.training is not None:
        backbone = experiment.model.backbone
        check_file(backbone.name, backbone.arguments.get("weights", ""))


def _check_places(layout: Layout, experiment: Experiment) -> None:
    from gsv_pipeline.places.select import known_city

    dataset_row(layout, experiment.dataset)
    held_out = held_out_cities(experiment.dataset)
    catalog = read_manifest(layout.catalog(experiment.dataset))
    known = catalog.metadata.get("cities") if catalog else None
    places = experiment.places
    if isinstance(known, list):
        for name in (*(places.cities or ()), *(places.exclude_cities or ())):
            known_city(name, known)
    for name in places.cities or ():
        city = known_city(name, known) if isinstance(known, list) else canonical_city(name)
        if city in held_out:
            raise ConfigError(
                f"experiment '{experiment.name}' trains on {city}, and benchmark '{held_out[city]}' tests on it. "
                "Take it out of places.cities."
            )
