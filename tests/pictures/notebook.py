"""Executes a notebook's code cells as plain Python and stores what they show; no Jupyter is needed."""

import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any, Final

_RICH: Final = {"text/html": "_repr_html_", "image/png": "_repr_png_"}


def code_cells(path: Path) -> list[str]:
    """The code of each cell, in order."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def execute(code: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Execute a cell.

    Args:
        code: Of the cell.
        names: What earlier cells defined; what this one defines is added.

    Returns:
        Outputs as notebooks store them: what was printed, and the value of a last expression.
    """
    *body, last = ast.parse(code).body
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        value = _value(last, names)
    text = printed.getvalue()
    stream = [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []
    return stream if value is None else [*stream, {"output_type": "execute_result", "metadata": {}, **_shown(value)}]


def redo(path: Path) -> None:
    """Execute every cell of a notebook and store its outputs in it."""
    notebook, names, count = json.loads(path.read_text(encoding="utf-8")), {"__name__": "__main__"}, 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        cell["execution_count"] = count
        results = execute("".join(cell["source"]), names)
        cell["outputs"] = [
            {**output, "execution_count": count} if output["output_type"] == "execute_result" else output
            for output in results
        ]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _value(last: ast.stmt, names: dict[str, Any]) -> Any:
    """What the last statement of a cell is worth; None where it is no expression."""
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return exec(compile(ast.Module([last], []), "<cell>", "exec"), names)


def _shown(value: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    for kind, method in _RICH.items():
        rich = getattr(value, method, lambda: None)()
        if isinstance(rich, bytes):
            data[kind] = base64.b64encode(rich).decode()
        elif rich is not None:
            data[kind] = rich.splitlines(keepends=True)
    if "image/png" in data:
        data["text/plain"] = [f"<{type(value).__name__}>"]  # its repr holds an address in memory
    return {"data": data}
