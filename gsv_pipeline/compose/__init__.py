"""What stages need from several rooms at once: selections, models, training, scores, matches."""

from gsv_pipeline.compose.exporting import CARD_FILE, card_facts, reports_of
from gsv_pipeline.compose.matching import FolderMatches, match_folders
from gsv_pipeline.compose.models import build_model_of, input_versions, load_model, model_arguments
from gsv_pipeline.compose.names import (
    EXPERIMENT_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    ONNX_FILE,
    UNTRAINED,
    UNTRAINED_SEED,
)
from gsv_pipeline.compose.scoring import (
    benchmark_paths,
    describe_side,
    log_evaluation,
    score_baselines,
    score_experiment,
)
from gsv_pipeline.compose.selection import load_catalog, require_sound, select
from gsv_pipeline.compose.training import refuse_changed_training, train_model

__all__ = [
    "CARD_FILE",
    "EXPERIMENT_FILE",
    "HISTORY_FILE",
    "METRICS_FILE",
    "MODEL_FILE",
    "ONNX_FILE",
    "UNTRAINED",
    "UNTRAINED_SEED",
    "FolderMatches",
    "benchmark_paths",
    "build_model_of",
    "card_facts",
    "describe_side",
    "input_versions",
    "load_catalog",
    "load_model",
    "log_evaluation",
    "match_folders",
    "model_arguments",
    "refuse_changed_training",
    "reports_of",
    "require_sound",
    "score_baselines",
    "score_experiment",
    "select",
    "train_model",
]
