"""README's commands, typed as they stand there: over a copy of a tiny GSV-Cities, of a tiny Pitts30k, and the demo."""

import json
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from tests.benchmarks.folders import write_utm_side
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import README, Typed
from tests.pictures.reader import type_in
from tests.published import shots_of, write_city
from tests.tiny import TINY_TRAINING

TAKE_SETTINGS = {"places", "train", "embed", "index", "evaluate", "accept", "match"}
PITTS30K = "/my/pitts30k"
MINE = "{description: Mean colours., callable: 'mine:describe', image: {height: 24, width: 32}}"
MODULE = """
def describe(images):
    return images.mean(dim=(2, 3)) + 10
"""


@pytest.fixture
def root(chain_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny chain; a copy of GSV-Cities instead of the download; what the page calls the reader's own."""
    monkeypatch.chdir(tmp_path)
    for at, city in enumerate(("London", "Osaka")):
        write_city(tmp_path / "copy", city, shots_of(14, 4, north_of=40.0 + at))
    instead = Typed(f"gsv-pipeline fetch gsv_cities --source folder path={tmp_path / 'copy'}", None)
    assert type_in(instead, chain_layout.root)[0] == 0
    for side, number in (("database", 6), ("queries", 4)):
        folder = tmp_path / "pitts30k" / "images" / "test" / side
        write_utm_side(folder, [(100.0 * at, 0.0) for at in range(number)], note=side)
        write_utm_side(tmp_path / side, [(100.0 * at, 0.0) for at in range(number)], note=side)
    chain_layout.experiments().mkdir(exist_ok=True)
    (chain_layout.experiments() / "mine.yaml").write_text(MINE)
    (chain_layout.experiments() / "mine.py").write_text(MODULE)
    return chain_layout.root


def more(command: Typed) -> tuple[str, ...]:
    """What makes it small: other settings, and fewer images than were published."""
    name = command.arguments[1]
    if "mine" in command.arguments:
        return ()
    if name == "benchmark":
        return ("--admit-deviations",)
    return TINY_TRAINING if name in TAKE_SETTINGS else ()


@pytest.mark.slow
def test_the_commands_of_the_readme_run_one_after_the_other(root: Path, tmp_path: Path) -> None:
    ran = []
    for one in (item for item in to_type() if item.page == README):
        command = Typed(one.text.replace(PITTS30K, str(tmp_path / "pitts30k")), None)
        code, printed = type_in(command, root, more(command))
        assert code == 0, f"{one.text}\n{printed}"
        ran.append(one.text)
    assert_all_run(README, ran, by=__file__)
    report = Layout(root).recall_report("pitts30k_test", "convap_resnet50") / "recall.json"
    assert 0 <= json.loads(report.read_text())["recall_at"]["1"] <= 1
