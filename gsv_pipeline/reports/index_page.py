"""The report about kinds of indexes: a figure to choose by and the numbers behind it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline.index import INDEXES
from gsv_pipeline.manifest import as_json, write_json
from gsv_pipeline.reports import rendering
from gsv_pipeline.reports.index_figure import speed_figure
from gsv_pipeline.reports.thumbnails import image_uri

if TYPE_CHECKING:
    from gsv_pipeline.index.measure import Measured

REPORT_FILE: Final = "index_report.json"
PAGE_FILE: Final = "index_report.html"
FIGURE_FILE: Final = "index_report.svg"


def write_index_report(folder: Path, measured: "Sequence[Measured]", *, experiment: str, benchmark: str) -> None:
    """Write `index_report.json`, the figure and the page.

    Args:
        folder: Gets them.
        measured: Of every kind at every setting.
        experiment: Whose descriptors.
        benchmark: Of which images.
    """
    write_json(folder / REPORT_FILE, [as_json(asdict(item)) for item in measured])
    figure = speed_figure(measured)
    (folder / FIGURE_FILE).write_bytes(figure)
    context: dict[str, Any] = {
        "experiment": experiment,
        "benchmark": benchmark,
        "rows": list(measured),
        "kinds": {kind: row.description for kind, row in INDEXES.items()},
        "figure": image_uri(figure),
        "setting": setting_text,
    }
    rendering.write_page(folder / PAGE_FILE, "indexes.html", **context)


def setting_text(item: "Measured") -> str:
    """What was chosen at search time: `nprobe 16`; empty where there is nothing to choose."""
    return ", ".join(f"{name} {value:g}" for name, value in item.setting.items())
