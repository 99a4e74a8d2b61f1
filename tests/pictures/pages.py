"""A documentation page as what a reader does with it: files to write, commands to type, pictures to look at."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
PICTURES: Final = DOCS / "pictures"
PICTURE: Final = "picture"
_PARTS: Final = re.compile(r"^```(\w+)\n(.*?)^```|!\[[^\]]*\]\(pictures/([^)]+)\)", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"# (\S+/\S+)\n")


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


def steps(page: str) -> list[Step]:
    """What the page `docs/<page>` has its reader do."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [Step(match[1] or PICTURE, match[2] or match[3]) for match in _PARTS.finditer(text)]


def typed(step: Step) -> list[Typed]:
    """The commands of a block: every line of `bash`, every line behind a `$` of `console`; none of any other."""
    if step.kind == "bash":
        joined = step.text.replace("\\\n", " ")
        return [Typed(line, None) for line in joined.splitlines() if line and not line.startswith("#")]
    return list(_with_output(step.text)) if step.kind == "console" else []


def all_typed(page: str) -> list[Typed]:
    """Every command of a page."""
    return [command for step in steps(page) for command in typed(step)]


def _with_output(text: str) -> Iterator[Typed]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Typed(command, output)
