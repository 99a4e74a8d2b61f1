"""Experiments: frozen models of their settings, and the only reader of YAML."""

from gsv_pipeline.config.experiment import (
    AUTO,
    Experiment,
    ImageInput,
    ModelParts,
    Part,
    PlacesFilter,
    Training,
)
from gsv_pipeline.config.faults import faults_of
from gsv_pipeline.config.files import (
    HOLDOUT,
    PUBLISHED_VALIDATION,
    SHIPPED,
    experiment_files,
    experiment_sets,
    load_experiment,
    validation_benchmarks,
)
from gsv_pipeline.config.reading import parse_setting, read_mapping

__all__ = [
    "AUTO",
    "HOLDOUT",
    "PUBLISHED_VALIDATION",
    "SHIPPED",
    "Experiment",
    "ImageInput",
    "ModelParts",
    "Part",
    "PlacesFilter",
    "Training",
    "experiment_files",
    "experiment_sets",
    "faults_of",
    "load_experiment",
    "parse_setting",
    "read_mapping",
    "validation_benchmarks",
]
