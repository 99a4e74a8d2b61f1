"""docs/evaluate_model.ipynb: its cells run one after the other, and what it shows was stored by such a run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gsv_pipeline.layout import Layout
from tests.docs_commands import assert_all_run
from tests.pictures.notebook import code_cells, execute, redo
from tests.pictures.pages import DOCS, Typed, all_typed
from tests.pictures.reader import type_in
from tests.tiny import TINY_TRAINING

PAGE = DOCS / "evaluate_model.ipynb"
NOTEBOOK = json.loads(PAGE.read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PROSE = "\n".join("".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "markdown")


def kinds(cell: dict[str, Any]) -> list[list[str]]:
    return [sorted(output["data"]) for output in cell["outputs"]]


def export() -> Typed:
    """What the notebook has its reader type after `make demo`."""
    demo, command = all_typed(PAGE.name)
    assert demo.text == "make demo"
    return command


@pytest.fixture
def exported(chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """The tiny chain after the commands that the notebook asks for."""
    code, printed = type_in(export(), chain_layout.root, TINY_TRAINING)
    assert code == 0, printed
    monkeypatch.setenv("GSV_DATA_ROOT", str(chain_layout.root))
    return chain_layout


def test_the_cells_find_the_recall_that_the_report_states(exported: Layout) -> None:
    names: dict[str, Any] = {}
    for code in code_cells(PAGE):
        execute(code, names)
    reported = json.loads((exported.recall_report("demo_test", "demo") / "recall.json").read_text())["recall_at"]
    assert names["score"].recall_at[1] == pytest.approx(reported["1"], abs=2 / len(names["queries"]))
    assert names["ranks"].shape == (len(names["benchmark"].queries),)
    assert_all_run(PAGE.name, [export().text], by=__file__)


def test_executing_again_stores_outputs_of_the_same_kinds(exported: Layout, tmp_path: Path) -> None:
    copy = tmp_path / "again.ipynb"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    redo(copy)
    again = [cell for cell in json.loads(copy.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [kinds(cell) for cell in again] == [kinds(cell) for cell in CODE]
    assert [cell["source"] for cell in again] == [cell["source"] for cell in CODE]


def test_the_stored_outputs_are_those_of_one_run_and_small() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    assert PAGE.stat().st_size < 200_000
    assert any("image/png" in shown for cell in CODE for shown in kinds(cell))
    texts = ["".join(output["data"]["text/plain"]) for cell in CODE for output in cell["outputs"]]
    assert not any(re.search(r" at 0x|(?<!\w)/\w|Traceback", text) for text in texts)
    (table,) = (
        text for text in texts if re.search(r"^demo +\d\d\.\d", text, flags=re.MULTILINE) and "grey" not in text
    )
    (both,) = (text for text in texts if re.search(r"^\((0\.\d+), \1\)$", text))
    assert f"demo  {100 * float(both.strip('()').split(', ')[0]):.1f} " in table
