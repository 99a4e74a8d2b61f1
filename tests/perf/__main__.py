"""`python -m tests.perf [ROW,...]`: prints the table and writes `build/bench.json`."""

import json
import sys
from pathlib import Path

from tests.perf.measure import Row, machine
from tests.perf.rows import ROWS, measured

OUTPUT = Path("build/bench.json")


def main(arguments: list[str]) -> int:
    """Measure the rows named, or all; 2 for an unknown name, 1 where a goal is missed."""
    chosen = [name for argument in arguments for name in argument.split(",")] or list(ROWS)
    unknown = [name for name in chosen if name not in ROWS]
    if unknown:
        print(f"Unknown row {', '.join(unknown)}. Available: {', '.join(ROWS)}.", file=sys.stderr)
        return 2
    print(f"{machine()}\n{'row':<18}{'baseline':>12}{'ours':>12}{'':>4}{'ratio':>8}{'goal':>7}  holds")
    rows: list[Row] = []
    for name in chosen:
        row = measured(name)
        rows.append(row)
        numbers = f"{row.baseline:>12.2f}{row.ours:>12.2f}{row.unit:>4}{row.ratio:>8.2f}{row.goal:>7.2f}"
        print(f"{row.name:<18}{numbers}  {'yes' if row.holds else 'NO':<4} {row.note}", flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([row.to_json() for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
