"""docs/rooms.md: the rooms are those of the import contracts, in their order, and say what their docstrings say."""

import ast
import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIBRARY = REPOSITORY / "gsv_pipeline"
PAGE = (REPOSITORY / "docs" / "rooms.md").read_text(encoding="utf-8")


def layers() -> list[str]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (item for item in settings["tool"]["importlinter"]["contracts"] if item["type"] == "layers")
    return [room for row in contract["layers"] for room in row.split(" | ")]


def first_line(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").splitlines()[0]


def test_every_room_stands_in_its_place_with_its_own_words() -> None:
    expected = []
    for room in layers():
        folder = LIBRARY / room
        is_folder = folder.is_dir()
        words = first_line(folder / "__init__.py" if is_folder else folder.with_suffix(".py"))
        expected.append((f"{room}/" if is_folder else f"{room}.py", words))
    rows = re.findall(r"^\| \[`([^`]+)`\]\(\.\./gsv_pipeline/\1\) \| (.+) \|$", PAGE, flags=re.MULTILINE)
    assert rows == expected
