"""All pages of docs/: each is in the index, no link leads nowhere, every command of the pipeline exists."""

import json
import re
from pathlib import Path

import click
import pytest

from gsv_pipeline.cli import cli
from tests.pictures.pages import DOCS, PICTURES

PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")])
LINKS = re.compile(r"\]\((?!https?://)([^)#]*)(#[^)]+)?\)")


def text_of(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def anchors(page: Path) -> set[str]:
    """What a heading is called in an address, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_has_every_page_once() -> None:
    assert len(PAGES) >= 11
    listed = re.findall(r"^\| \[([\w.]+)\]\(\1\) \| \S", text_of(DOCS / "README.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in PAGES if page.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    for target, anchor in LINKS.findall(text_of(page)):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        assert not anchor or anchor[1:] in anchors(file), f"{target}{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_pipeline_exists(page: Path) -> None:
    for first, second in re.findall(r"gsv-pipeline ([a-z][a-z-]+)(?: ([a-z][a-z-]*))?", text_of(page)):
        command = cli.commands.get(first)
        assert command is not None, first
        if isinstance(command, click.Group) and second:
            assert second in command.commands, f"{first} {second}"


def test_no_picture_lies_about_unused() -> None:
    shown = {name for page in PAGES for name in re.findall(r"\(pictures/([\w.]+)\)", text_of(page))}
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    shown |= set(re.findall(r"docs/pictures/([\w.]+)", readme))
    assert shown == {path.name for path in PICTURES.iterdir()}
