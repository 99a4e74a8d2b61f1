"""Pages in a real browser: they load, show their pictures and ask nobody for anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from gsv_pipeline.layout import Layout
from tests.pictures.browser import CHROMIUM, FLAGS
from tests.reports.wide import write_all

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), chromium_sandbox=False)
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


SCROLLED = """boxes => boxes.filter(box => box.scrollWidth > box.clientWidth)
    .map(box => `${box.closest("section")?.textContent.trim().slice(0, 9)}: ${box.scrollWidth} > ${box.clientWidth}`)"""


@pytest.mark.parametrize(("media", "width"), [("screen", 1280), ("print", 718)])
def test_no_table_of_any_report_is_wider_than_its_page(
    tiny_chain: Path, tmp_path: Path, browser: Any, media: Any, width: int
) -> None:
    pages = [*sorted(tiny_chain.rglob("*.html")), *write_all(tmp_path / "wide")]
    assert {page.name for page in pages} >= {
        "report.html", "index.html", "validation.html", "index_report.html", "pca_report.html", "leaderboard.html",
    }  # fmt: skip
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    for path in pages:
        page.goto(path.as_uri())
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        assert page.eval_on_selector_all(".scroll", SCROLLED) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.close()


def order_of(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "#pitts30k_test tr.experiment th", "heads => heads.map(head => head.firstChild.textContent)"
    )
    return found


def test_a_click_on_a_head_sorts_by_number_and_puts_what_is_not_known_last(tmp_path: Path, browser: Any) -> None:
    write_all(tmp_path / "wide")
    page = browser.new_page()
    page.goto((tmp_path / "wide" / "leaderboard.html").as_uri())
    long = "resnet50_convap_4096_street_augmentation"
    assert order_of(page) == ["best_of_all", "near", long, "elsewhere"]
    against = page.locator("#pitts30k_test thead th", has_text="Against the best")
    against.click()
    assert order_of(page) == ["best_of_all", "near", long, "elsewhere"]
    against.click()
    assert order_of(page) == [long, "near", "best_of_all", "elsewhere"]
    page.locator("#pitts30k_test thead th", has_text="Dimensions").click()
    assert order_of(page) == ["best_of_all", long, "near", "elsewhere"]
    page.locator("#pitts30k_test thead th", has_text="Experiment").click()
    assert order_of(page) == ["best_of_all", "elsewhere", "near", long]
    rows = page.eval_on_selector_all("#pitts30k_test tbody", "all => all.map(one => one.rows.length)")
    assert rows == [2, 2, 2, 2]  # each with its baseline
    page.close()
