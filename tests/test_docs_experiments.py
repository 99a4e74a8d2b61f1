"""docs/experiments.md: its files are written and its commands run as they stand there, on a tiny city."""

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from gsv_pipeline.cli import run
from gsv_pipeline.config import experiment_files, experiment_sets, load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.vpr_model import build_model
from tests.benchmarks.folders import write_utm_side
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import Typed
from tests.pictures.reader import type_in
from tests.tiny import TINY_TRAINING

PAGE = (Path(__file__).parents[1] / "docs" / "experiments.md").read_text(encoding="utf-8")
RELEASED = "/weights/resnet50_MixVPR_4096_channels(1024)_rows(4).ckpt"
MIXVPR = {
    "backbone": "resnet50",
    "backbone_args": {"weights": "none", "layers_to_crop": [4]},
    "aggregator": "mixvpr",
    "aggregator_args": {},
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines() if line]


def files() -> dict[str, str]:
    """Name below the data root -> what the page puts there."""
    found = [re.match(r"# data/(\S+)\n", block) for block in (*blocks("yaml"), *blocks("python"))]
    return {match[1]: match.string for match in found if match}


def test_the_page_holds_what_this_test_runs() -> None:
    stages = ["train", "benchmark", "embed", "index", "evaluate", "leaderboard"]
    assert [line.split()[1] for line in commands()] == ["list", "check", "check", "check", "train", "check", *stages]
    assert len(files()) == len(blocks("yaml")) + len(blocks("python")) == 4
    assert PAGE.count(RELEASED) == 1


def typed_in_passing(root: Path, folder: Path) -> list[str]:
    """The commands that stand in sentences alone: other epochs, and a published benchmark of a few images."""
    for side in ("database", "queries"):
        write_utm_side(folder / "pitts30k" / "images" / "val" / side, [(0.0, 0.0), (100.0, 0.0)], note=side)
    fetch = Typed(f"gsv-pipeline fetch pitts30k --source folder path={folder / 'pitts30k'}", None)
    assert type_in(fetch, root)[0] == 0
    more = {"train": ("--replace", *TINY_TRAINING), "benchmark": ("--admit-deviations",)}
    passing = [one.text for one in to_type() if one.page == "experiments.md" and one.is_inline]
    for text in passing:
        code, printed = type_in(Typed(text, None), root, more[text.split()[1]])
        assert code == 0, f"{text}\n{printed}"
    return passing


def test_every_command_of_the_page_runs(
    chain_layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(build_model(**MIXVPR, seed=1).state_dict(), tmp_path / "released.ckpt")
    for name, text in files().items():
        (chain_layout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (chain_layout.root / name).write_text(text.replace(RELEASED, str(tmp_path / "released.ckpt")))
    for line in commands():
        assert run(["--data-root", str(chain_layout.root), *shlex.split(line)[1:]]) == 0, capsys.readouterr().err
    assert_all_run("experiments.md", [*commands(), *typed_in_passing(chain_layout.root, tmp_path)], by=__file__)
    printed = capsys.readouterr().out
    assert "experiments (own):" in printed
    assert "imported_from: released.ckpt" in printed
    assert "descriptor_size: 27" in printed
    wider = printed.partition("demo_wider: valid\n")[2]
    assert yaml.safe_load(wider.partition("\n\n")[0])["model"]["aggregator"]["out_channels"] == 128


def test_the_table_says_what_the_headers_say() -> None:
    table = PAGE.partition("| experiment |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    layout, shown = Layout(Path("nowhere")), {}
    for name, dimensions, *recalls in rows:
        experiment = name.strip("`")
        header = experiment_files(layout)[experiment].read_text(encoding="utf-8").partition("\ndescription")[0]
        sets = ("Pitts250k-test", "Pitts30k-test", "MSLS-val", "Nordland")
        told = [re.search(rf"{benchmark} (\d\d\.\d)", header) for benchmark in sets]
        assert recalls == [found[1] if found else "" for found in told], experiment
        shown[experiment] = dimensions
    sizes = {name: re.search(r"\(([\d,]+)-D\)", load_experiment(layout, name).description) for name in shown}
    assert all(found is None or found[1] == shown[name] for name, found in sizes.items())
    named = set(re.findall(r"`(\w+_resnet50(?:_\w+)?|\w+_dinov2|demo)`", PAGE))
    everything = {name for title, group in experiment_sets(layout).items() if title != "losses" for name in group}
    assert everything <= named
