"""docs/measured.md: how often a loss lets the host wait for the device is counted again; rows of `make bench` exist."""

import re
from pathlib import Path

import pytest
import torch

from gsv_pipeline.config import experiment_files, load_experiment
from gsv_pipeline.config.experiment import Part, Training
from gsv_pipeline.layout import Layout
from gsv_pipeline.training.losses import build_objective
from tests.dispatch import Dispatched
from tests.pictures.pages import text_of

PAGE = text_of("measured.md")
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \|", flags=re.MULTILINE)
WAITS = {(loss, miner): int(number) for loss, miner, number in ROW.findall(PAGE)}
Pair = tuple[Part, Part]


def waits_of(loss: Part, miner: Part) -> int:
    """Of loss and gradient, on a batch in which every image has hard pairs of both kinds."""
    descriptors = torch.randn(80, 8, generator=torch.Generator().manual_seed(0))
    descriptors = torch.nn.functional.normalize(descriptors, dim=1).requires_grad_()
    objective = build_objective(loss.name, loss.arguments, miner=miner.name, miner_arguments=miner.arguments)
    with Dispatched() as seen:
        value, _ = objective(descriptors, torch.arange(20).repeat_interleave(4))
        torch.autograd.grad(value, descriptors)
    assert value.item() > 0
    return len(seen.waits)


def shipped() -> dict[tuple[str, str], Pair]:
    """Loss and miner of every shipped experiment by their names, and the default loss without a miner."""
    layout = Layout(Path("nowhere"))
    settings: list[Training] = [load_experiment(layout, name).training for name in experiment_files(layout)]
    pairs = [(one.loss, one.miner) for one in settings]
    pairs.append((Part(name="multi_similarity"), Part(name="none")))
    return {(loss.name, miner.name): (loss, miner) for loss, miner in pairs}


def test_the_waits_of_every_shipped_loss_are_those_of_the_page() -> None:
    found = {names: waits_of(*pair) for names, pair in shipped().items()}
    assert len(found) == 10
    assert found[("multi_similarity", "multi_similarity")] == 0
    assert found == WAITS


def test_decoding_is_explained_as_it_is() -> None:
    library, bench = Path("gsv_pipeline/images"), Path("tests/perf/gpu_reader.py")
    repository = Path(__file__).parents[1]
    assert "`simplejpeg`" in PAGE
    assert f"`{bench}`" in PAGE
    assert "torchvision.io" in (repository / bench).read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (repository / library).rglob("*.py")]
    assert any("import simplejpeg" in text for text in sources)
    assert not any("torchvision.io" in text for text in sources)


@pytest.mark.parametrize("title", ["Against the reference's way", "Against limits"])
def test_every_row_of_the_page_is_one_of_the_bench(title: str) -> None:
    from tests.perf.rows import ROWS

    section = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+)", section, flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named
    assert named <= set(ROWS)
