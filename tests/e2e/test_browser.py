"""Pages in a real browser: they load, show their pictures and ask nobody for anything."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from gsv_pipeline.layout import Layout

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
FLAGS = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 400])
def test_the_report_shows_its_pictures_and_makes_no_other_request(tiny_chain: Path, browser: Any, width: int) -> None:
    report = Layout(tiny_chain).recall_report("demo_test", "demo") / "report.html"
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert problems == []
    sizes = page.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
    assert sizes
    assert min(sizes) > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = page.inner_text("body")
    for part in ("R@1", "Recall", "Training", "Where the queries are", "Provenance"):
        assert part in text, part
    page.close()


def test_the_leaderboard_leads_to_the_reports(tiny_chain: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((Layout(tiny_chain).leaderboard() / "index.html").as_uri())
    page.click("a[href*='demo_test/demo/report.html']")
    assert page.url.endswith("recall_report/demo_test/demo/report.html")
    assert "demo_test" in page.inner_text("h1")
    page.close()
