"""Where progress and numbers go: a terminal, files, W&B or Dagster, all behind one protocol."""

from gsv_pipeline.tracking.protocol import NullTracker, Progress, Tracker, Trackers

__all__ = ["NullTracker", "Progress", "Tracker", "Trackers"]
