"""Templates -> one HTML file. Everything is escaped, and nothing is written before the whole page exists."""

from pathlib import Path
from typing import Any

import jinja2

from gsv_pipeline.reports import tables


def write_page(target: Path, template: str, **context: Any) -> None:
    """Render a template and write it to `target`, whose folder must exist.

    Args:
        target: The HTML file.
        template: File name in `templates/`.
        context: What the template shows; strings are escaped.
    """
    html = _environment().get_template(template).render(context)
    target.write_text(html, encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=tables.percent, points=tables.points, interval=tables.interval, label=tables.label
    )
    return environment
