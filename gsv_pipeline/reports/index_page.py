"""The report about kinds of indexes: a figure to choose by and the numbers behind it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline.index import INDEXES
from gsv_pipeline.manifest import as_json, write_json
from gsv_pipeline.reports import rendering
from gsv_pipeline.reports.index_figure import index_figure
from gsv_pipeline.reports.subject import Subject
from gsv_pipeline.reports.tables import markdown_cell, markdown_table, percent
from gsv_pipeline.reports.thumbnails import image_uri

if TYPE_CHECKING:
    from gsv_pipeline.index.measure import Measured

REPORT_FILE: Final = "index_report.json"
PAGE_FILE: Final = "index_report.html"
MARKDOWN_FILE: Final = "index_report.md"
FIGURE_FILE: Final = "index_report.svg"
AGREEMENT_NOTE: Final = (
    "Agreement@K is the share of exact search's first K that an index finds among its own first K; queries/s are "
    "those of searches for one query, and for 64 at once."
)
_HEAD: Final = (
    "index", "setting", "R@1, %", "R@10, %", "agreement@1, %", "agreement@10, %", "queries/s, 1", "queries/s, 64",
    "bytes per image", "build, s",
)  # fmt: skip
_OF_A_KIND: Final = 2
"""The last columns of `_HEAD` are the same at every setting of a kind."""


def write_index_report(folder: Path, measured: "Sequence[Measured]", *, subject: Subject) -> None:
    """Write `index_report.json`, the figure, the page and its Markdown.

    Args:
        folder: Gets them.
        measured: Of every kind at every setting.
        subject: Whose descriptors of which images.
    """
    write_json(folder / REPORT_FILE, [as_json(asdict(item)) for item in measured])
    figure = index_figure(measured)
    (folder / FIGURE_FILE).write_bytes(figure)
    (folder / MARKDOWN_FILE).write_text(_markdown(measured, subject), encoding="utf-8")
    context: dict[str, Any] = {
        "subject": subject,
        "defaults": [item for item in measured if item.is_default],
        "others": [item for item in measured if not item.is_default],
        "kinds": {kind: row.description for kind, row in INDEXES.items()},
        "figure": image_uri(figure),
        "conditions": conditions(measured),
        "agreement_note": AGREEMENT_NOTE,
        "name": name_text,
        "setting": setting_text,
    }
    rendering.write_page(folder / PAGE_FILE, "indexes.html", **context)


def name_text(item: "Measured") -> str:
    """What an index is called: its kind, and where it was if that is not the CPU."""
    return item.kind if item.device == "cpu" else f"{item.kind} on the GPU"


def setting_text(item: "Measured") -> str:
    """What was chosen at search time: `nprobe 16`; empty where there is nothing to choose."""
    return ", ".join(f"{name} {value:g}" for name, value in item.setting.items())


def conditions(measured: "Sequence[Measured]") -> str:
    """With which FAISS and how many threads it was measured, in a sentence; empty where nobody noted it."""
    found = sorted({(item.faiss, item.threads) for item in measured if item.faiss})
    told = [f"FAISS {faiss} on {threads} thread{'' if threads == 1 else 's'}" for faiss, threads in found]
    return f"Measured with {' and '.join(told)}." if told else ""


def defaults_table(measured: "Sequence[Measured]") -> str:
    """Each kind at its default setting, in Markdown."""
    return markdown_table(_HEAD, [_cells(item) for item in measured if item.is_default])


def _markdown(measured: "Sequence[Measured]", subject: Subject) -> str:
    others = [_cells(item)[:-_OF_A_KIND] for item in measured if not item.is_default]
    parts = [
        f"# Indexes over {subject.benchmark} by {subject.experiment}",
        "## Each kind at its default setting",
        markdown_cell(subject.sentence),
        defaults_table(measured),
        " ".join(part for part in (AGREEMENT_NOTE, conditions(measured)) if part),
        "## Other settings",
        markdown_cell(subject.sentence),
        markdown_table(_HEAD[:-_OF_A_KIND], others),
        "## Kinds",
        "\n".join(f"- `{kind}`: {row.description}" for kind, row in INDEXES.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _cells(item: "Measured") -> list[str]:
    shares = (item.recall_at[1], item.recall_at[10], item.agreement_at[1], item.agreement_at[10])
    rates = (f"{item.queries_per_s[batch]:,.0f}" for batch in (1, 64))
    size = f"{item.bytes_per_image:,}"
    return [name_text(item), setting_text(item), *map(percent, shares), *rates, size, f"{item.build_seconds:,.1f}"]
