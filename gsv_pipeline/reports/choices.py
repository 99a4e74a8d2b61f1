"""What a person chooses by before deploying a model, for the Dagster UI: kinds of index, and sizes of descriptors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.pca import PCA_FILE, Pca, load_pca
from gsv_pipeline.errors import DataError
from gsv_pipeline.evaluation.by_dimension import Reduced
from gsv_pipeline.index.measure import Measured
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json
from gsv_pipeline.reports import index_page, pca_page
from gsv_pipeline.reports.figures import ACCENT, MUTED, SIZE, render
from gsv_pipeline.reports.index_figure import index_figure
from gsv_pipeline.reports.previews import figure_markdown
from gsv_pipeline.reports.subject import subject_of
from gsv_pipeline.reports.tables import markdown_cell, markdown_table

_SHARES: Final = (0.5, 0.8, 0.9, 0.95, 0.99)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the UI shows of a report.

    Args:
        numbers: Worth plotting over experiments, by name.
        table: Markdown.
        figure: Markdown.
    """

    numbers: Mapping[str, float]
    table: str
    figure: str


def index_choice(layout: Layout, experiment: Experiment, benchmark: str) -> Choice:
    """Each kind of index at its default setting, and the figure of all settings.

    Raises:
        DataError: The report is missing or damaged.
    """
    path = layout.index_report(benchmark, experiment.name) / index_page.REPORT_FILE
    measured = _rows(path, Measured, by_number=("queries_per_s", "recall_at", "agreement_at"))
    defaults = [item for item in measured if item.is_default]
    drawn = index_figure(measured, image_format="png")
    return Choice(
        {f"first match as exact, {index_page.name_text(item)}": item.agreement_at[1] for item in defaults},
        _under(layout, experiment, benchmark, table=index_page.defaults_table(measured)),
        f"{figure_markdown(drawn, f'Accuracy, speed and size of indexes over {benchmark}')}\n\n"
        f"{index_page.conditions(measured)}".strip(),
    )


def pca_choice(layout: Layout, experiment: Experiment, benchmark: str) -> Choice:
    """Recall at every size, the largest first.

    Raises:
        DataError: The report is missing or damaged.
    """
    path = layout.pca_report(benchmark, experiment.name) / pca_page.REPORT_FILE
    sizes = sorted(_rows(path, Reduced, by_number=("recall_at", "interval_at")), key=lambda item: item.order)
    kept = [item for item in sizes if item.whitened is not False]
    return Choice(
        {
            f"R@1 {item.dimensions}-D{' as they are' if item.whitened is None else ''}": item.recall_at[1]
            for item in kept
        },
        _under(layout, experiment, benchmark, table=pca_page.sizes_table(sizes)),
        figure_markdown(pca_page.dimension_figure(sizes, image_format="png"), f"R@1 on {benchmark} by dimension"),
    )


def pca_variance(layout: Layout, experiment: Experiment) -> Choice:
    """How many components hold how much of the variance.

    Raises:
        DataError: There are no components, or they are damaged.
    """
    pca = load_pca(layout.pca(experiment.name) / PCA_FILE)
    needed = {f"{share:.0%}": _needed(pca, share) for share in _SHARES}
    drawn = render(partial(_draw_variance, pca), SIZE, "png")
    return Choice(
        {f"components for {share}": float(count) for share, count in needed.items() if count},
        markdown_table(
            ["variance kept", "components"], [[share, f"{count:,}" or "–"] for share, count in needed.items()]
        ),
        figure_markdown(drawn, "Variance kept by the first components"),
    )


def _rows(path: Path, build: Callable[..., Row], *, by_number: Sequence[str]) -> list[Row]:
    """Rows of a report, with numbers for the keys of `by_number`, which JSON has as text."""
    found = read_json(path)
    try:
        keyed = [{name: {int(key): value for key, value in row[name].items()} for name in by_number} for row in found]
        return [build(**{**row, **numbers}) for row, numbers in zip(found, keyed, strict=True)]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is no report of this version ({error}). Make it again.") from error


def _under(layout: Layout, experiment: Experiment, benchmark: str, *, table: str) -> str:
    """A table under the variant of its benchmark."""
    subject = subject_of(layout, experiment.name, benchmark)
    return f"**{benchmark}**: {markdown_cell(subject.variant)}.\n\n{table}"


def _needed(pca: Pca, share: float) -> int:
    """How many components keep `share` of the variance; 0 where all of them keep less."""
    enough = np.flatnonzero(pca.explained >= share)
    return int(enough[0]) + 1 if len(enough) else 0


def _draw_variance(pca: Pca, axes: Axes) -> None:
    axes.plot(np.arange(1, len(pca.explained) + 1), 100 * pca.explained, color=ACCENT, linewidth=1.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))  # numbers, not powers
    axes.set_ylim(0, 100)
    axes.set_xlabel("components")
    axes.set_title("Variance kept, %", loc="left", fontsize=10.5, color=MUTED)
