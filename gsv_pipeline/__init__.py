"""gsv_pipeline: visual place recognition, from street photographs to recall reports. Read `stages.py` first."""

__version__ = "0.1.0"
