"""A person in front of the real Dagster UI, in a real browser: daily use from the graph to a check that fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gsv_pipeline import stages
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.dagster_home import ONE_PROCESS, REPOSITORY, Home
from tests.pictures import browser, ui
from tests.pictures.dagster_ui import DagsterUi, cut_short
from tests.pictures.looks import shows_something
from tests.pictures.pages import PICTURES
from tests.pictures.served import served
from tests.tiny import TINY_TRAINING

GROUPS = {"dataset", "benchmark", "training", "embeddings", "index", "report"}
RUN_S = 120.0
PATIENCE_MS = 60_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]


@pytest.fixture
def home(tmp_path: Path, tiny_layout: Layout) -> Home:
    """Over a tiny city that was fetched and tabulated by the command line: Dagster has seen nothing of it."""
    return Home.make(tmp_path / "home", tiny_layout.root)


@pytest.fixture
def address(home: Home) -> Iterator[str]:
    with served(home) as found:
        yield found


def test_an_asset_is_materialized_a_failed_check_is_seen_and_the_pictures_of_the_pages_are_taken(
    address: str, home: Home, tiny_layout: Layout, tmp_path: Path
) -> None:
    with browser.opened(1280) as page:
        page.set_default_timeout(PATIENCE_MS)
        works_in(DagsterUi(page, address), tiny_layout)
    run_the_demo(home)
    ui.take_of_ui(address, tiny_layout, tmp_path)
    for name, (width, _) in {ui.GRAPH: ui.SIZE, ui.RECALL: ui.WIDE, ui.CHECK: ui.WIDE}.items():
        shows_something(tmp_path / name, width=width)
        assert (PICTURES / name).is_file(), "a page shows what the script takes"


def works_in(ui: DagsterUi, tiny_layout: Layout) -> None:
    """A day's work in front of the page."""
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

    damaged, whole = damage_a_query(tiny_layout)
    ui.open_asset("benchmark/demo_test")
    ui.materialize()
    assert ui.run_ends(within_s=RUN_S) == "Failure"
    ui.open_check("benchmark/demo_test", "files_readable")
    told = ui.page.get_by_text("missing or damaged").inner_text()
    assert damaged.name in told
    ui.page.get_by_text("Failed", exact=True).nth(1).wait_for()  # in the list, and of the check itself
    ui.page.get_by_text("Succeeded", exact=True).nth(2).wait_for()  # the other checks were asked, too

    damaged.write_bytes(whole)
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


def damage_a_query(layout: Layout) -> tuple[Path, bytes]:
    """The benchmark was made of whole images; then one of them is cut. Returns it, and what it was."""
    stages.build_benchmark(layout, "demo_test", tracker=NullTracker())
    query = layout.dataset("demo") / load_benchmark(layout.benchmark("demo_test")).queries["image_id"].iloc[0]
    whole = query.read_bytes()
    cut_short(query)
    return query, whole


def run_the_demo(home: Home) -> None:
    """From a shell, made tiny, while the server runs."""
    settings = {"resources": {"pipeline": {"config": {"overrides": list(TINY_TRAINING)}}}}
    (home.folder / "tiny.yaml").write_text(yaml.safe_dump(settings))
    done = home.dagster("job", "execute", "-f", ONE_PROCESS, "-d", REPOSITORY, "-j", "demo", "-c", "tiny.yaml")
    assert done.returncode == 0, done.stderr[-4000:]
