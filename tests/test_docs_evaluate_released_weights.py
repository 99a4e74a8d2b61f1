"""docs/evaluate_released_weights.md: files are written and commands run as they stand there, on a tiny city."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from gsv_pipeline.compose.models import build_model_of
from gsv_pipeline.config import Experiment, experiment_files, load_experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.backbones.published import published_weights
from gsv_pipeline.models.vpr_model import build_model
from tests.docs_commands import assert_all_run, to_type
from tests.pictures.pages import DOCS, Typed, steps, typed
from tests.pictures.reader import type_in, write_file

PAGE = "evaluate_released_weights.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
CONVAP = "resnet50_ConvAP_1024_2x2.ckpt"
MODEL = {
    "backbone": "resnet50",
    "backbone_args": {"weights": "none"},
    "aggregator": "convap",
    "aggregator_args": {"out_channels": 1024},
}
AS_TRAINED, SMALL = "image: {interpolation: bicubic}", "image: {interpolation: bicubic, height: 64, width: 64}"


class Hub(nn.Module):
    """What `torch.hub` would give."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 3).flatten(1)


@pytest.fixture
def layout(tiny_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A data root with the files of the page, weights of the released names and shapes, and the page's folders."""
    monkeypatch.setattr(torch.hub, "load", lambda repository, name: Hub())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    torch.save(build_model(**MODEL, seed=1).state_dict(), tmp_path / "weights" / CONVAP)
    for step in steps(PAGE):
        if step.file:
            text = step.text.replace("/weights", str(tmp_path / "weights")).replace(AS_TRAINED, SMALL)
            write_file(replace(step, text=text), tiny_layout.root)
    for name in ("mixvpr_released", "boq_released", "salad_released"):
        save_thin_weights(load_experiment(tiny_layout, name))
    for folder in ("database", "queries"):
        (tmp_path / folder).mkdir()
        for name, grey in (("dark.jpg", 30), ("bright.jpg", 220)):
            Image.linear_gradient("L").point(lambda level, grey=grey: (level + grey) // 2).save(
                tmp_path / folder / name
            )
    return tiny_layout


def save_thin_weights(experiment: Experiment) -> None:
    """A file with all names and shapes of the experiment's model, and one number for each tensor."""
    with torch.device("meta"):
        wanted = build_model_of(experiment, seed=1, pretrained=False).state_dict()
    assert experiment.weights is not None
    torch.save({name: torch.zeros(()).expand(value.shape) for name, value in wanted.items()}, experiment.weights)


def test_the_downloads_of_the_page_are_those_of_every_shipped_experiment() -> None:
    table = TEXT.partition("| backbone | file | address |")[2].partition("\n\n")[0]
    rows = {tuple(re.findall(r"[`<]([^`>]+)[`>]", line)) for line in table.splitlines()[2:]}
    layout = Layout(Path("nowhere"))
    parts = [load_experiment(layout, name).model.backbone for name in experiment_files(layout)]
    wanted = {(part.name, part.arguments["weights"]) for part in parts if part.arguments["weights"] != "none"}
    published = {name: published_weights(name)[weights] for name, weights in wanted}
    assert rows == {(name, file.file_name, file.url) for name, file in published.items()}
    url = published["resnet50"].url
    assert f"curl -fL -o resnet50-0676ba61.pth {url}\n" in TEXT


def test_the_page_holds_what_this_test_changes() -> None:
    assert TEXT.count(AS_TRAINED) == 1
    assert f"weights: /weights/{CONVAP}" in TEXT


def type_here(text: str, layout: Layout) -> str:
    """What a command prints, on the rendered benchmark that is here."""
    code, printed = type_in(Typed(text.replace("sped", "demo_test"), None), layout.root)
    assert code == 0, f"{text}\n{printed}"
    return printed


@pytest.mark.slow
def test_the_commands_lead_from_a_file_to_a_report_and_the_snippet_finds_the_photographs(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = [one.text for one in to_type() if one.page == PAGE]
    ran = []
    for step in steps(PAGE):
        for command in (one for one in typed(step) if one.text in expected):
            printed = type_here(command.text, layout)
            ran.append(command.text)
            if command.arguments[1] == "check":
                assert "valid" in printed
        if step.kind == "python" and not step.file:
            capsys.readouterr()
            exec(compile(step.text, PAGE, "exec"), {})
            assert capsys.readouterr().out == "bright.jpg -> bright.jpg\ndark.jpg -> dark.jpg\n"
    for text in (text for text in expected if text not in ran):  # what a sentence names
        assert "R@1" not in type_here(text, layout)
        ran.append(text)
    assert_all_run(PAGE, ran, by=__file__)
    reports = sorted(path.name for path in (layout.root / "recall_report" / "demo_test").iterdir())
    assert [name for name in reports if "." not in name] == ["convap_released", "salad_hub"]


def test_the_snippet_is_ten_lines_and_the_table_names_what_is_shipped() -> None:
    (snippet,) = (step.text for step in steps(PAGE) if step.kind == "python" and not step.file)
    assert len([line for line in snippet.splitlines() if line]) <= 10
    layout = Layout(Path("nowhere"))
    table = TEXT.partition("| weights | file |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        _, _, extends, where = (cell.strip() for cell in line.strip("|").split("|"))
        assert re.fullmatch(r"<https://github.com/[\w-]+/[\w-]+>", where)
        for name in re.findall(r"`(\w+)`", extends):
            assert name in experiment_files(layout)
            assert load_experiment(layout, name).dataset == "gsv_cities"
