"""What stages need from several rooms at once: selections, models, training, scores, matches."""

from gsv_pipeline.compose.baselines import score_baselines
from gsv_pipeline.compose.benchmarks import (
    assemble_benchmark,
    check_validation,
    has_changed,
    refuse_absent,
    restriction,
)
from gsv_pipeline.compose.cataloguing import write_catalog
from gsv_pipeline.compose.checking import check_experiment
from gsv_pipeline.compose.embedding import (
    assist_embedding,
    clear_extraction,
    embeddings_recipe,
    settled_options,
    write_embeddings,
)
from gsv_pipeline.compose.exporting import CARD_FILE, card_facts, reports_of
from gsv_pipeline.compose.extraction import benchmark_paths, describe_side
from gsv_pipeline.compose.indexing import index_facts, measure_indexes, write_index
from gsv_pipeline.compose.interrupted import refuse_changed_training
from gsv_pipeline.compose.matching import match_folders
from gsv_pipeline.compose.models import (
    build_model_of,
    input_versions,
    load_model,
    model_arguments,
)
from gsv_pipeline.compose.names import UNTRAINED, UNTRAINED_SEED
from gsv_pipeline.compose.recomputed import changed_answers
from gsv_pipeline.compose.reduction import measure_pca, recall_by_size, refuse_without_training, write_pca
from gsv_pipeline.compose.scoring import log_evaluation, predict_only, score_experiment
from gsv_pipeline.compose.selection import load_catalog, require_sound, select
from gsv_pipeline.compose.showing import what_to_show
from gsv_pipeline.compose.training import assist_training, write_checkpoint

__all__ = [
    "CARD_FILE",
    "UNTRAINED",
    "UNTRAINED_SEED",
    "assemble_benchmark",
    "assist_embedding",
    "assist_training",
    "benchmark_paths",
    "build_model_of",
    "card_facts",
    "changed_answers",
    "check_experiment",
    "check_validation",
    "clear_extraction",
    "describe_side",
    "embeddings_recipe",
    "has_changed",
    "index_facts",
    "input_versions",
    "load_catalog",
    "load_model",
    "log_evaluation",
    "match_folders",
    "measure_indexes",
    "measure_pca",
    "model_arguments",
    "predict_only",
    "recall_by_size",
    "refuse_absent",
    "refuse_changed_training",
    "refuse_without_training",
    "reports_of",
    "require_sound",
    "restriction",
    "score_baselines",
    "score_experiment",
    "select",
    "settled_options",
    "what_to_show",
    "write_catalog",
    "write_checkpoint",
    "write_embeddings",
    "write_index",
    "write_pca",
]
