"""Parts of an HTML page as small PNG files, by a headless Chromium."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

CHROMIUM: Final = next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None
)
FLAGS: Final = ("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync")
LARGEST: Final = 200_000
"""Bytes of a picture: everybody who clones the repository gets all of them."""
_COLOURS: Final = (256, 128, 64)
_MARGIN: Final = 10


@contextmanager
def opened(width: int, height: int = 900) -> Iterator[Any]:
    """A page of a browser, of that many pixels."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), chromium_sandbox=False)
        yield browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        browser.close()


def take(page: Any, html: Path, *, first: str, last: str, target: Path) -> None:
    """Write what lies between the top of one element and the bottom of another one.

    Args:
        page: Of `opened`.
        html: What is shown.
        first: CSS selector of the first element of the picture.
        last: Of the last one.
        target: The PNG file.
    """
    page.goto(html.as_uri())
    top, bottom = (page.locator(selector).first.bounding_box() for selector in (first, last))
    width = page.viewport_size["width"]
    start = max(0, top["y"] - _MARGIN)
    clip = {"x": 0, "y": start, "width": width, "height": bottom["y"] + bottom["height"] + _MARGIN - start}
    target.write_bytes(_small(page.screenshot(full_page=True, clip=clip)))


def take_down_to(page: Any, last: Any, target: Path) -> None:
    """Make the window end below an element, and write what it shows.

    Args:
        page: Of `opened`, with something in it.
        last: The locator of the last element.
        target: The PNG file.
    """
    box = last.bounding_box()
    page.set_viewport_size({"width": page.viewport_size["width"], "height": round(box["y"] + box["height"])})
    target.write_bytes(_small(page.screenshot()))


def _small(png: bytes) -> bytes:
    """The picture in as few colours as make it small enough; pages have few anyway."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in _COLOURS:
        buffer = io.BytesIO()
        picture.quantize(colours).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    return buffer.getvalue()
