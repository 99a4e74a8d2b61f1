"""The Dagster skin: assets over `gsv_pipeline.stages`, one file per room, all of them on a page in `definitions.py`."""
