"""A page as a browser reads it, for tests of what pages say and ask for."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "wbr"}


class Page(HTMLParser):
    """Attributes by tag and the text; fails on tags that are not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self.feed(self.html)
        assert self._open == []

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return " ".join(" ".join(self._words).replace("\xa0", " ").split())

    def section(self, heading: str) -> str:
        """The markup from one heading to the next."""
        return self.html.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]

    def rows(self, table: str) -> list[list[str]]:
        """The cells of the body of the table with this class, texts alone."""
        body = self.html.partition(f'<table class="{table}">')[2].partition("<tbody>")[2].partition("</tbody>")[0]
        return [_cells(row) for row in body.split("<tr>")[1:]]

    def require_self_contained(self) -> None:
        """No script, and no address but data inside the page."""
        for tag, attributes in self.elements:
            assert tag != "script"
            for name in ("src", "href", "srcset", "data", "action"):
                assert attributes.get(name, "data:").startswith("data:"), (tag, name)
        assert "default-src 'none'" in self.html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self._words.append(data)


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"th", "td"}:
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1] += f" {data}"


def _cells(row: str) -> list[str]:
    parser = _Cells()
    parser.feed(row)
    return [" ".join(cell.split()) for cell in parser.found]
