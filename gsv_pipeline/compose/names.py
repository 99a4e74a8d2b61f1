"""Names of files and baselines that several parts write and read."""

from typing import Final

MODEL_FILE: Final = "model.safetensors"
EXPERIMENT_FILE: Final = "experiment.yaml"
CALLABLE_FILE: Final = "callable.json"
HISTORY_FILE: Final = "history.json"
METRICS_FILE: Final = "metrics.jsonl"
ONNX_FILE: Final = "model.onnx"
UNTRAINED: Final = "untrained"
UNTRAINED_SEED: Final = 0
