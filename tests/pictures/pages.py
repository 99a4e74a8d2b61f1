"""A documentation page as what a reader does with it: files to write, commands to type, pictures to look at."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
README: Final = "../README.md"
"""The page of the repository, as a page of `docs/`; `README.md` is the index of `docs/`."""
PICTURES: Final = DOCS / "pictures"
PICTURE: Final = "picture"
SHELL: Final = ("bash", "sh", "console")
LANGUAGES: Final = (*SHELL, "bibtex", "csv", "diff", "python", "text", "yaml")
"""Of blocks of code: one of another name would hide its commands from the tests."""
_FENCE: Final = r"^ *(?P<fence>```+|~~~+) *(?P<kind>[^\n]*)\n(?P<code>.*?)^ *(?P=fence) *$"
_PARTS: Final = re.compile(rf"{_FENCE}|!\[[^\]]*\]\((?:docs/)?pictures/(?P<picture>[^)]+)\)", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"# (\S+/\S+)\n")
_INLINE: Final = re.compile(r"`((?:gsv-pipeline|dagster|dagster-webserver|dvc|make|torchrun|python) [^`]+)`")


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a page, in its order.

    Args:
        kind: The language of a block of code, or `picture`.
        text: The code, or the picture's file name.
    """

    kind: str
    text: str

    @property
    def file(self) -> str:
        """The file that a block is to be written to: its first line is a comment that names it; else empty."""
        named = _NAMED.match(self.text)
        return named[1] if named else ""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command with the output that the page shows below it; None where it shows none."""

    command: str
    output: str | None

    @property
    def arguments(self) -> list[str]:
        """The words of the command, its comment left out."""
        return shlex.split(self.command, comments=True)

    @property
    def text(self) -> str:
        """The command without its comment."""
        return re.sub(r"\s+#.*$", "", self.command)


def pages() -> list[str]:
    """README and every page of `docs/`, as the other functions here take them."""
    return [README, *sorted(path.name for path in DOCS.iterdir() if path.suffix in (".md", ".ipynb"))]


def text_of(page: str) -> str:
    """The Markdown of the page `docs/<page>`; of a notebook, that of its cells."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if not page.endswith(".ipynb"):
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def steps(page: str) -> list[Step]:
    """What the page `docs/<page>` has its reader do.

    Raises:
        ValueError: A block is in a language that tests do not know, or its end is missing.
    """
    return steps_of(text_of(page))


def steps_of(text: str) -> list[Step]:
    """What a Markdown text has its reader do.

    Raises:
        ValueError: As `steps`.
    """
    found = [
        Step(match["kind"] or "", match["code"]) if match["fence"] else Step(PICTURE, match["picture"])
        for match in _PARTS.finditer(text)
    ]
    unknown = sorted({step.kind for step in found} - {*LANGUAGES, PICTURE})
    if unknown or re.search(r"^ *(```|~~~)", _PARTS.sub("", text), flags=re.MULTILINE):
        raise ValueError(f"A block in {unknown} or without an end; known languages: {', '.join(LANGUAGES)}.")
    return found


def typed(step: Step) -> list[Typed]:
    """The commands of a block: the lines of `bash` and `sh`, those behind a `$` of `console`; none of any other."""
    if step.kind == "console":
        return list(_with_output(step.text))
    if step.kind not in SHELL:
        return []
    joined = step.text.replace("\\\n", " ")
    return [Typed(line, None) for line in joined.splitlines() if line and not line.startswith("#")]


def inline(page: str) -> list[Typed]:
    """The commands that stand in the sentences and tables of a page, also where one is broken by the end of a line."""
    return [Typed(" ".join(found.split()), None) for found in _INLINE.findall(_PARTS.sub("", text_of(page)))]


def all_typed(page: str) -> list[Typed]:
    """Every command of a page."""
    return [command for step in steps(page) for command in typed(step)]


def _with_output(text: str) -> Iterator[Typed]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Typed(command, output)
