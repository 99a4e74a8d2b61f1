"""Names of files inside artifacts that more than one room writes or reads."""

from typing import Final

EXPERIMENT_FILE: Final = "experiment.yaml"
MODEL_FILE: Final = "model.safetensors"
LAST_MODEL_FILE: Final = "last.safetensors"
"""Weights after the last step, where others were the best; no stage reads them."""
CALLABLE_FILE: Final = "callable.json"
TRAINING_LOG_FILE: Final = "metrics.jsonl"
TRAINING_HISTORY_FILE: Final = "history.json"
ONNX_FILE: Final = "model.onnx"

PREDICTIONS_FILE: Final = "predictions.npy"
MSLS_FILE: Final = "msls_predictions.txt"
RECALL_FILE: Final = "recall.json"
RECALL_METRICS_FILE: Final = "metrics.json"
RECALL_PAGE_FILE: Final = "report.html"
