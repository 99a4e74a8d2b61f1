"""`python -m tests.pictures`: follows docs/filter_places.md on a really rendered world and takes its pictures.

What commands print is put into the page again, so numbers and pictures are those of one run. With `notebook` it
executes docs/evaluate_model.ipynb instead, over the data root, where the demo must be, and stores its outputs. With
`ui` it takes README's pictures of the Dagster UI and of the demo's report, over a copy of that demo.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

from gsv_pipeline.layout import Layout
from tests.pictures import browser, notebook, ui
from tests.pictures.pages import DOCS, PICTURE, PICTURES, Step, steps, typed
from tests.pictures.reader import type_in, write_file

PAGE: Final = "filter_places.md"
HTML: Final = Path("show/places/world.html")
WIDTH: Final = 1160
TAKEN: Final = {
    "filter_places_all.png": ("header", ".strip:nth-child(2)"),
    "filter_places_map.png": ("figure.wide", "figure.wide"),
    "filter_places_north.png": ("figure.wide", "figure.wide"),
    "filter_places_steps.png": ("table.filter", "table.filter"),
    "filter_places_months.png": ("section:nth-of-type(4)", "section:nth-of-type(4)"),
}
"""Picture -> the first and the last element of the page of `show places` that it shows."""


def redo_page(root: Path, pictures: Path) -> str:
    """Follow the page over an empty data root; write its pictures and return its text with what was printed."""
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    with browser.opened(WIDTH) as page:
        for step in _shown(steps(PAGE)):
            if step.file:
                write_file(step, root)
            if step.kind == PICTURE:
                first, last = TAKEN[step.text]
                browser.take(page, root / HTML, first=first, last=last, target=pictures / step.text)
            text = text.replace(step.text, _typed_again(step, root))
    return text


def _shown(all_steps: list[Step]) -> list[Step]:
    """Up to the last one of which the page shows anything: what follows would train for nothing."""
    last = max(at for at, step in enumerate(all_steps) if step.kind in (PICTURE, "console"))
    return all_steps[: last + 1]


def _typed_again(step: Step, root: Path) -> str:
    text = step.text
    for command in typed(step):
        _, printed = type_in(command, root)
        if command.output is not None:
            text = text.replace(command.output, printed)
    return text


def main() -> None:
    """Redo the page with its pictures, or the notebook, or take README's pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["page", "notebook", "ui"], default="page")
    what = parser.parse_args().what
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gsv-pipeline-") as folder:
        if what == "notebook":
            notebook.redo(DOCS / "evaluate_model.ipynb")
        elif what == "ui":
            ui.redo(Layout.find(), Path(folder), PICTURES)
        else:
            text = redo_page(Path(folder) / "data", PICTURES)
            (DOCS / PAGE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
