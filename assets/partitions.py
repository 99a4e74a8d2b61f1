"""The experiment is the one partition dimension: a key per YAML, shipped or under the data root."""

from pathlib import Path
from typing import Final

import dagster as dg

from gsv_pipeline.config import experiment_files
from gsv_pipeline.layout import Layout

LAYOUT: Final = Layout.find(start=Path(__file__).resolve().parent)
"""Found from this file, not from the working directory: `dagster dev -w` may be run from anywhere."""

EXPERIMENTS: Final = dg.StaticPartitionsDefinition(list(experiment_files(LAYOUT)))
