"""What a report is about: whose descriptors, on which benchmark, and which benchmark of that name."""

from dataclasses import dataclass

from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.facts import deviations_of, variant_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about.

    Args:
        experiment: Whose descriptors.
        benchmark: Of which images.
        variant: Which benchmark of that name, how a hit is counted, and what deviates from what was published.
    """

    experiment: str
    benchmark: str
    variant: str

    @property
    def sentence(self) -> str:
        """What stands above every table that shows a number."""
        return f"{self.benchmark}: {self.variant}."


def subject_of(layout: Layout, experiment: str, benchmark: str) -> Subject:
    """The subject with the variant of the benchmark that is on disk.

    Raises:
        ConfigError: Unknown benchmark.
    """
    variant = variant_of(benchmark_row(layout, benchmark), deviations_of(layout, benchmark))
    return Subject(experiment, benchmark, variant)
