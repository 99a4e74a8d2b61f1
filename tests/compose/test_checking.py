"""`check` opens the weights that an experiment names, and says of them what the command that needs them would say."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gsv_pipeline import cli
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.vpr_model import build_model

BACKBONE: dict[str, Any] = {"weights": "none", "layers_to_crop": [3, 4]}


def state(out_channels: int = 8) -> dict[str, torch.Tensor]:
    arguments = {"out_channels": out_channels}
    model = build_model(
        backbone="resnet18", backbone_args=BACKBONE, aggregator="convap", aggregator_args=arguments, seed=0
    )
    return model.state_dict()


def whole(path: Path) -> None:
    torch.save(state(), path)


def cut_short(path: Path) -> None:
    whole(path)
    path.write_bytes(path.read_bytes()[:-1000])


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "cannot be read: No such file or directory. Check 'weights' in the experiment."),
    "empty": (lambda path: path.touch(), "(0 bytes) is no readable PyTorch checkpoint"),
    "a page": (lambda path: path.write_text("<!DOCTYPE html>"), "is no readable PyTorch checkpoint"),
    "cut short": (cut_short, "It may be cut short or be something else: copy or download it again."),
    "other objects": (
        lambda path: torch.save({**state(), "trap": Trap(path.with_name("sprung"))}, path),
        "is a pickle that holds more than tensors (posix.mkdir), and opening it could run code",
    ),
    "another model": (lambda path: torch.save(state(out_channels=16), path), "does not fit the model. Keys of another"),
}


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    layout = Layout(tmp_path / "data")
    layout.experiments().mkdir(parents=True)
    (layout.experiments() / "imported.yaml").write_text(
        f"weights: {tmp_path / 'file.pt'}\nimage: {{height: 32, width: 40}}\nmodel:\n"
        "  backbone: {name: resnet18, weights: none, layers_to_crop: [3, 4]}\n"
        "  aggregator: {name: convap, out_channels: 8}\n"
    )

    def run(command: str, name: str = "imported") -> tuple[int, str]:
        code = cli.run(["--data-root", str(layout.root), command, name])
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(("write", "expected"), WRONG.values(), ids=WRONG)
def test_weights_that_cannot_be_imported_are_told_by_check_as_by_train(
    tmp_path: Path, said: Callable[..., tuple[int, str]], write: Callable[[Path], object], expected: str
) -> None:
    write(tmp_path / "file.pt")
    code, checked = said("check")
    assert code == 2
    assert expected in checked
    assert said("train") == (2, checked.replace("Error: imported: ", "Error: "))
    assert not (tmp_path / "sprung").exists()


def test_weights_that_fit_are_valid_and_are_not_imported(tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    whole(tmp_path / "file.pt")
    assert said("check") == (0, "")
    assert not (tmp_path / "data" / "checkpoint").exists()


def test_a_file_of_the_backbone_is_opened_too(tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    text = f"extends: demo\nmodel: {{backbone: {{weights: {tmp_path / 'file.pt'}}}}}\n"
    (tmp_path / "data" / "experiments" / "mine.yaml").write_text(text)
    code, checked = said("check", "mine")
    assert code == 2
    assert f"Checkpoint {tmp_path / 'file.pt'}: found nothing, expected a .safetensors or torch file." in checked
    whole(tmp_path / "file.pt")
    assert said("check", "mine") == (0, "")
