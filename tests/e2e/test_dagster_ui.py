"""A person in front of the real Dagster UI, in a real browser: daily use from the graph to a check that fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.pictures import browser
from tests.pictures.dagster_ui import DagsterUi, cut_short
from tests.pictures.served import Home, served

GROUPS = {"dataset", "benchmark", "training", "embeddings", "index", "report"}
RUN_S = 120.0
PATIENCE_MS = 60_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]


@pytest.fixture
def ui(tmp_path: Path, tiny_layout: Layout) -> Iterator[DagsterUi]:
    """The UI over a tiny city that was fetched and tabulated by the command line: Dagster has seen nothing of it."""
    with served(Home.make(tmp_path / "home", tiny_layout.root)) as address, browser.opened(1280) as page:
        page.set_default_timeout(PATIENCE_MS)
        yield DagsterUi(page, address)


def test_an_asset_is_materialized_and_a_failed_check_is_seen(ui: DagsterUi, tiny_layout: Layout) -> None:
    asked: list[str] = []
    ui.page.on("request", lambda request: asked.append(request.url))

    ui.open_graph()
    assert set(ui.groups()) >= GROUPS
    ui.open_graph('key:"*demo*" or key:"places"')
    ui.change_graph("Expand all groups")
    assert all(ui.shows_asset(name) for name in ("demo", "demo_test", "places"))

    ui.open_asset("places")
    ui.materialize("demo")
    assert ui.run_ends(within_s=RUN_S) == "Success", ui.page.inner_text("body")
    ui.open_partition("places", "demo")
    sees_what_was_made(ui)

    damaged = damage_a_query(tiny_layout)
    ui.open_asset("benchmark/demo_test")
    ui.materialize()
    assert ui.run_ends(within_s=RUN_S) == "Failure"
    ui.open_check("benchmark/demo_test", "files_readable")
    told = ui.page.get_by_text("missing or damaged").inner_text()
    assert damaged.name in told
    ui.page.get_by_text("Failed", exact=True).nth(1).wait_for()  # in the list, and of the check itself
    ui.page.get_by_text("Succeeded", exact=True).nth(2).wait_for()  # the other checks were asked, too

    foreign = [url for url in asked if not url.startswith((ui.address, "data:", "blob:"))]
    assert foreign == []


def sees_what_was_made(ui: DagsterUi) -> None:
    """Numbers, the first rows and photographs of the places, on the page of the partition."""
    assert ui.metadata("dagster/row_count").get_by_role("cell").nth(1).inner_text() == "72"
    assert ui.metadata("cached").get_by_role("cell").nth(1).inner_text() == "false"
    assert "cities that are not tested on" in ui.metadata("filter").inner_text()
    sample = ui.metadata("sample").get_by_role("row")
    assert sample.count() == 1 + 5
    assert sample.first.get_by_role("columnheader").all_inner_texts()[:3] == ["label", "place_id", "city"]
    assert min(ui.look_at("photographs")) > 100


def damage_a_query(layout: Layout) -> Path:
    """The benchmark was made of whole images; then one of them is cut."""
    stages.build_benchmark(layout, "demo_test", tracker=NullTracker())
    query = layout.dataset("demo") / load_benchmark(layout.benchmark("demo_test")).queries["image_id"].iloc[0]
    cut_short(query)
    return query
