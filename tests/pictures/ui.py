"""README's pictures of the Dagster UI and of the report that the demo writes, taken from a run of the demo.

The demo of the data root is copied as far as its checkpoint; what follows is made again in one run, with a history of
its own, so that neither the data root nor its history is touched, and an image of the copy can be damaged.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from tests.dagster_home import Home
from tests.pictures import browser
from tests.pictures.dagster_ui import DagsterUi, cut_short
from tests.pictures.served import served

EXPERIMENT: Final = "demo"
BENCHMARK: Final = "demo_test"
REPORT: Final = f"recall_report/{BENCHMARK}"
MADE_OF: Final = f'+key:"{REPORT}" and (key:"*demo*" or group:"training")'
"""What the demo's report is made of; the catalogs of other data sets, of which places could be made, are left out."""
GRAPH: Final = "ui_graph.png"
RECALL: Final = "ui_report.png"
CHECK: Final = "ui_check.png"
SIZE: Final = (1000, 1040)
"""Of the window that GRAPH is taken of, in pixels; its height is that of what it shows."""
WIDE: Final = (1400, 1300)
"""Of the window for the other two."""
_PATIENCE_MS: Final = 60_000
PAGE: Final = "recall_report.png"
PAGE_WIDTH: Final = 1160
_RUN_S: Final = 300.0
_DRAWN_S: Final = 2.0
"""The graph moves to its place: nothing on the page says when it has arrived."""


def redo(demo: Layout, folder: Path, pictures: Path) -> None:
    """Run the demo again over a copy and take all pictures.

    Args:
        demo: Where the demo has run.
        folder: For the copy and the run; it need not exist.
        pictures: Where the PNG files go.

    Raises:
        DataError: The demo has not run there.
    """
    layout = copy_demo(demo, folder / "data")
    home = Home.make(folder / "home", layout.root)
    home.execute("demo")
    with browser.opened(PAGE_WIDTH) as page:
        take_page(page, layout, pictures / PAGE)
    with served(home) as address:
        take_of_ui(address, layout, pictures)


def take_of_ui(address: str, layout: Layout, pictures: Path) -> None:
    """Take the pictures of the UI; an image of the benchmark is damaged for the last one.

    Args:
        address: Of a web server, over a home in which the demo has run.
        layout: The data root of that home.
        pictures: Where the PNG files go.
    """
    with browser.opened(*SIZE) as page:
        _take_graph(_at(page, address), pictures / GRAPH)
    with browser.opened(*WIDE) as page:
        _take_report(_at(page, address), pictures / RECALL)
        _take_check(_at(page, address), layout, pictures / CHECK)


def _at(page: Any, address: str) -> DagsterUi:
    page.set_default_timeout(_PATIENCE_MS)
    return DagsterUi(page, address)


def copy_demo(demo: Layout, root: Path) -> Layout:
    """Copy what takes long to make.

    Raises:
        DataError: It has not been made.
    """
    if not demo.checkpoint(EXPERIMENT).is_dir():
        raise DataError(f"No demo in {demo.root}: {demo.checkpoint(EXPERIMENT)} is missing. Run: make demo.")
    for part in _parts(demo):
        shutil.copytree(part, root / part.relative_to(demo.root))
    return Layout(root)


def _parts(layout: Layout) -> Iterator[Path]:
    yield from (
        layout.dataset("demo"),
        layout.catalog("demo"),
        layout.places(EXPERIMENT),
        layout.checkpoint(EXPERIMENT),
    )
    yield from sorted(layout.benchmark("demo").parent.glob("demo_*"))
    yield from sorted(layout.baseline("demo", "any").parents[1].glob("demo_*"))


def take_page(page: Any, layout: Layout, target: Path) -> None:
    """Take the picture of the report that the demo has written."""
    report = layout.recall_report(BENCHMARK, EXPERIMENT) / "report.html"
    browser.take(page, report, first="header", last="section", target=target)


def _take_graph(ui: DagsterUi, target: Path) -> None:
    ui.open_graph(MADE_OF)
    ui.hide_navigation()
    ui.hide_list()
    ui.choose_facets("Description", "Asset checks")
    ui.change_graph("vertical orientation", "Expand all groups")
    ui.shows_asset("checkpoint")
    ui.page.get_by_text("Passed").first.wait_for()
    time.sleep(_DRAWN_S)
    browser.take_down_to(ui.page, ui.page.locator("body"), target)


def _take_report(ui: DagsterUi, target: Path) -> None:
    ui.open_partition(REPORT, EXPERIMENT)
    ui.hide_navigation()
    browser.take_down_to(ui.page, ui.metadata("recall"), target)


def _take_check(ui: DagsterUi, layout: Layout, target: Path) -> None:
    queries = load_benchmark(layout.benchmark(BENCHMARK)).queries
    cut_short(layout.dataset("demo") / queries["image_id"].iloc[0])
    ui.open_asset(f"benchmark/{BENCHMARK}")
    ui.materialize()
    ui.run_ends(within_s=_RUN_S)
    ui.open_check(f"benchmark/{BENCHMARK}", "files_readable")
    facts = ui.page.get_by_role("row").last
    facts.wait_for()
    browser.take_down_to(ui.page, facts, target)
