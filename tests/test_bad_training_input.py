"""What bad input gets before or while something is trained or imported: exit code 2, one message, nothing replaced."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gsv_pipeline import cli, recipes
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.vpr_model import build_model
from tests.tiny import TINY_TRAINING, tiny_experiment

RESNET = "model.backbone={name: resnet18, weights: none, layers_to_crop: [3, 4]}"
DINO = "model.backbone={name: dinov2_vits14, weights: none}"
SWIN = "model.backbone={name: swinv2_tiny, weights: none}"
SQUARE = ("image.height=256", "image.width=320")


def run(layout: Layout, *arguments: str) -> int:
    return cli.run(["--data-root", str(layout.root), *arguments])


def refused(layout: Layout, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that ends with exit code 2."""
    capsys.readouterr()
    assert run(layout, *arguments) == 2
    said = capsys.readouterr().err
    assert said.count("Error: ") == 1
    assert "Traceback" not in said
    assert not list(layout.root.rglob("*.partial"))
    return said


def imported(layout: Layout, weights: Path) -> str:
    """The name of an experiment that imports a file into the tiny model."""
    layout.experiments().mkdir(parents=True, exist_ok=True)
    (layout.experiments() / "imported.yaml").write_text(
        f"weights: {weights}\nimage: {{height: 32, width: 40}}\nmodel:\n"
        "  backbone: {name: resnet18, weights: none, layers_to_crop: [3, 4]}\n"
        "  aggregator: {name: convap, out_channels: 8}\n"
    )
    return "imported"


def tiny_weights(**changes: Any) -> dict[str, torch.Tensor]:
    arguments = {"out_channels": 8, **changes}
    model = build_model(
        backbone="resnet18",
        backbone_args={"weights": "none", "layers_to_crop": [3, 4]},
        aggregator="convap",
        aggregator_args=arguments,
        seed=0,
    )
    return model.state_dict()


SETTINGS = {
    "an optimizer that is none": (["training.optimizer.name=adan"], "Unknown optimizer 'adan'. Did you mean 'adam'?"),
    "an argument of another optimizer": (["training.optimizer.momentum=0.9"], "unexpected argument 'momentum'"),
    "more images than a place has": (
        ["training.images_per_place=5"],
        "training.images_per_place is 5, but places with 4 images are admitted: raise places.min_images_per_place",
    ),
    "places of too few images": (
        ["training.images_per_place=5", "places.min_images_per_place=5"],
        "The largest place has 4. Change places.min_images_per_place",
    ),
    "patches of 14 pixels": (
        [DINO, "image.height=100", "image.width=112"],
        "it takes multiples of 14, its patch size. The nearest is 98 x 112",
    ),
    "patches of 14 pixels in evaluation": (
        [DINO, "image.height=98", "image.width=98", "evaluation_image.height=100"],
        "images are 100 x 98 px (height x width)",
    ),
    "squares alone": ([SWIN, *SQUARE], "256 x 320"),
    "images below a cell": (["image.height=16"], "expected 32 px or more each way"),
    "cells that mixvpr was not made for": (
        [RESNET, "model.aggregator={name: mixvpr, in_h: 20, in_w: 20}"],
        "Set the image size to 160 x 160 px",
    ),
    "a class token that nobody gives": ([RESNET, "model.aggregator={name: salad}"], "needs a backbone with a class"),
    "one name of auto and another": (["training.validation=[auto, demo_val]"], "'auto' stands alone"),
    "a benchmark that is none": (["training.validation=demo_vall"], "Unknown benchmark 'demo_vall'"),
}


@pytest.mark.parametrize(("overrides", "said"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_do_not_fit_are_refused_before_places_are_made(
    tiny_layout: Layout, capsys: pytest.CaptureFixture[str], overrides: list[str], said: str
) -> None:
    assert said in refused(tiny_layout, capsys, "places", "demo", *TINY_TRAINING, *overrides)
    assert not (tiny_layout.places("demo") / "manifest.json").exists()


def test_a_gpu_is_asked_for_where_none_is(
    tiny_layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = refused(tiny_layout, capsys, "train", "demo", *TINY_TRAINING, "training.precision=16-mixed")
    assert "training.precision is 16-mixed, but there is no GPU. Use auto, 32-true or bf16-mixed" in said


def test_a_batch_larger_than_the_set(tiny_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    large = (*TINY_TRAINING, "training.places_per_batch=1000", "training.validation=[]")
    assert run(tiny_layout, "places", "demo", *large) == 0
    said = refused(tiny_layout, capsys, "train", "demo", *large)
    assert "training.places_per_batch is 1000, but there are 36 places (mirrored ones count too). Lower it" in said
    assert not tiny_layout.checkpoint("demo").exists()


def test_weights_of_another_shape(tiny_layout: Layout, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    torch.save(tiny_weights(out_channels=16), tmp_path / "wide.pt")
    said = refused(tiny_layout, capsys, "train", imported(tiny_layout, tmp_path / "wide.pt"))
    assert (
        "of another shape: aggregator.channel_pool.weight ([16, 128, 1, 1] in the file, [8, 128, 1, 1] in the" in said
    )
    assert "The file looks like resnet18 without layer3 and layer4 + convap (out_channels 16)" in said
    assert not tiny_layout.checkpoint("imported").exists()


def test_a_pickle_that_is_not_plain_tensors_is_refused_and_nothing_of_it_runs(
    tiny_layout: Layout, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({**tiny_weights(), "trap": Trap()}, tmp_path / "trap.pt")
    said = refused(tiny_layout, capsys, "train", imported(tiny_layout, tmp_path / "trap.pt"))
    assert "is a pickle that holds more than tensors (posix.mkdir), and opening it could run code" in said
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_another_experiment(
    tiny_layout: Layout, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, width in (("first", 8), ("second", 4)):
        torch.save(tiny_weights(out_channels=width), tmp_path / f"{name}.pt")
        imported(tiny_layout, tmp_path / f"{name}.pt")
        text = (
            (tiny_layout.experiments() / "imported.yaml")
            .read_text()
            .replace("out_channels: 8", f"out_channels: {width}")
        )
        (tiny_layout.experiments() / f"{name}.yaml").write_text(text)
        assert run(tiny_layout, "train", name) == 0
    shutil.rmtree(tiny_layout.checkpoint("second"))
    shutil.copytree(tiny_layout.checkpoint("first"), tiny_layout.checkpoint("second"))
    assert run(tiny_layout, "benchmark", "demo_test") == 0
    said = refused(tiny_layout, capsys, "embed", "demo_test", "--experiment", "second")
    assert "'checkpoint/second' is needed, but it was made by another configuration" in said
    assert "model.aggregator.out_channels: found 8, expected 4" in said
    assert "Run: gsv-pipeline train second" in said


def test_a_resume_with_a_changed_configuration(tiny_layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tiny_layout, "places", "demo", *TINY_TRAINING) == 0
    assert run(tiny_layout, "benchmark", "demo_val") == 0
    state = tiny_layout.training_state("demo")
    state.mkdir(parents=True)
    recipe = recipes.checkpoint(tiny_layout, tiny_experiment(tiny_layout))
    begun = {"identity": "of before", "config": recipe.config, "restart": False}
    (state / recipes.IDENTITY_FILE).write_text(json.dumps(begun, default=str))
    said = refused(tiny_layout, capsys, "train", "demo", *TINY_TRAINING, "training.learning_rate=0.5")
    assert "the interrupted training of 'demo' was made by another configuration" in said
    assert "training.learning_rate: found 0.003, expected 0.5" in said
    assert "gsv-pipeline train demo --restart" in said
    assert (state / recipes.IDENTITY_FILE).is_file()
