"""Running a report again, by its own code on its own data, to see whether it says the same."""

from gsv_pipeline.reproduction.running import Reproduction, reproduce

__all__ = ["Reproduction", "reproduce"]
