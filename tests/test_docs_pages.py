"""All pages of docs/: each is in the index, no link leads nowhere. test_docs_commands.py has their commands."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsv_pipeline.layout import Layout
from tests.pictures import browser, ui
from tests.pictures.looks import shows_something
from tests.pictures.pages import DOCS, PICTURES, README, text_of

PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")])
LINKS = re.compile(r"\]\((?!https?://)([^)#]*)(#[^)]+)?\)")


def anchors(page: Path) -> set[str]:
    """What a heading is called in an address, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text_of(str(page)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_has_every_page_once() -> None:
    assert len(PAGES) >= 11
    listed = re.findall(r"^\| \[([\w.]+)\]\(\1\) \| \S", text_of("README.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in PAGES if page.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    for target, anchor in LINKS.findall(text_of(page.name)):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        assert not anchor or anchor[1:] in anchors(file), f"{target}{anchor}"


def test_no_picture_lies_about_unused() -> None:
    shown = {name for page in PAGES for name in re.findall(r"\(pictures/([\w.]+)\)", text_of(page.name))}
    shown |= set(re.findall(r"docs/pictures/([\w.]+)", text_of(README)))
    assert shown == {path.name for path in PICTURES.iterdir()}


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")
def test_the_script_takes_the_picture_of_the_report(tiny_chain: Path, tmp_path: Path) -> None:
    with browser.opened(ui.PAGE_WIDTH) as page:
        ui.take_page(page, Layout(tiny_chain), tmp_path / ui.PAGE)
    shows_something(tmp_path / ui.PAGE, width=ui.PAGE_WIDTH)
    assert (PICTURES / ui.PAGE).is_file()


def test_a_blank_picture_is_seen(tmp_path: Path) -> None:
    half = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    half[:, :500] = 255
    Image.fromarray(half).quantize(16).save(tmp_path / "half.png")
    with pytest.raises(AssertionError, match="blank"):
        shows_something(tmp_path / "half.png", width=800)


@pytest.mark.parametrize("picture", sorted(PICTURES.glob("*.png")), ids=lambda picture: picture.stem)
def test_the_pictures_that_are_kept_show_something(picture: Path) -> None:
    with Image.open(picture) as opened:
        shows_something(picture, width=opened.width)
