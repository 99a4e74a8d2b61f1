"""`gsv-pipeline export`: what is written can be used without the pipeline, and says what it is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gsv_pipeline import compose
from gsv_pipeline.cli import run
from gsv_pipeline.embeddings.store import DATABASE_FILE, load_descriptors
from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.exports import export_model
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.exported import load_exported
from gsv_pipeline.models.onnx_file import write_onnx
from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment


@pytest.fixture(scope="module")
def exported(tiny_chain: Path) -> Path:
    layout = Layout(tiny_chain)
    return export_model(layout, tiny_experiment(layout), tracker=NullTracker()).artifact


def _database(layout: Layout) -> list[Path]:
    return compose.benchmark_paths(layout, "demo_test")["database"]


def test_the_exported_model_describes_as_the_pipeline_did(exported: Path, tiny_chain: Path) -> None:
    layout = Layout(tiny_chain)
    stored = load_descriptors(layout.embeddings("demo_test", "demo") / DATABASE_FILE)
    model = load_exported(exported)
    found = model.describe([Image.open(path) for path in _database(layout)]).numpy()
    assert np.abs(found - stored).max() < 0.02  # another decoder: a grey level here and there
    assert (np.einsum("nd,nd->n", found, stored) > 0.9995).all()


def test_onnx_runtime_agrees_with_torch_for_any_batch(exported: Path) -> None:
    model = load_exported(exported)
    images = torch.randn(5, 3, model.height, model.width, generator=torch.Generator().manual_seed(9))
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"))
    (found,) = session.run(["descriptors"], {"images": images.numpy()})
    assert np.abs(found - model.model(images).detach().numpy()).max() < 1e-5


def test_the_examples_of_the_card_run_as_they_stand(exported: Path, tiny_chain: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for name, path in zip(("a.jpg", "b.jpg", "query.jpg"), _database(Layout(tiny_chain)), strict=False):
        Image.open(path).save(tmp_path / name)
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    shown = "print(best.shape)", "print(descriptors.shape, round(float(np.linalg.norm(descriptors)), 5))"
    for block, line in zip(blocks, shown, strict=True):
        done = subprocess.run(
            [sys.executable, "-c", f"{block}\n{line}"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "torch.Size([1])" in done.stdout or "(1, 32) 1.0" in done.stdout


def test_the_card_states_recalls_terms_and_origin(exported: Path, tiny_chain: Path) -> None:
    card = (exported / "README.md").read_text()
    recall = json.loads((Layout(tiny_chain).recall_report("demo_test", "demo") / "recall.json").read_text())
    row = next(line for line in card.splitlines() if line.startswith("| demo_test |"))
    assert f" {100 * recall['recall_at']['1']:.1f} (" in row
    assert "Training images (demo)" in card
    assert "random numbers" in card
    assert "| catalog/demo |" in card


def test_a_recall_of_older_weights_is_not_stated(chain_layout: Layout) -> None:
    manifest = chain_layout.recall_report("demo_test", "demo") / "manifest.json"
    values = json.loads(manifest.read_text())
    values["inputs"] = dict.fromkeys(values["inputs"], "another")
    manifest.write_text(json.dumps(values))
    folder = export_model(chain_layout, tiny_experiment(chain_layout), tracker=NullTracker(), with_onnx=False).artifact
    card = (folder / "README.md").read_text()
    assert "| demo_test |" not in card
    assert "| demo_val |" in card
    assert "model.onnx" not in card


def test_an_unchanged_export_is_kept_and_a_copy_goes_where_it_is_asked_to(chain_layout: Layout, tmp_path: Path) -> None:
    experiment = tiny_experiment(chain_layout)
    first = export_model(chain_layout, experiment, tracker=NullTracker(), with_onnx=False)
    copied = export_model(
        chain_layout, experiment, tracker=NullTracker(), with_onnx=False, output=tmp_path / "new" / "place"
    )
    assert export_model(chain_layout, experiment, tracker=NullTracker(), with_onnx=False).cached
    assert load_exported(copied.artifact).model.out_dim == load_exported(first.artifact).model.out_dim
    with pytest.raises(DataError, match="exists already"):
        export_model(chain_layout, experiment, tracker=NullTracker(), with_onnx=False, output=tmp_path / "new")


def test_a_model_that_onnx_runtime_computes_otherwise_is_refused(tmp_path: Path) -> None:
    class Forgetful(nn.Module):
        """Adds another number to the mean each time it is asked."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))
            self.calls = 0

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            return images.mean((2, 3)) + self.weight + self.calls

    with pytest.raises(RunError, match="differ from torch's"):
        write_onnx(Forgetful(), tmp_path / "model.onnx", height=8, width=8)


def test_a_model_that_onnx_cannot_express_says_so(tmp_path: Path) -> None:
    class Chooses(nn.Module):
        """Looks at numbers to decide what to do."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, images: Tensor) -> Tensor:
            return images.mean((2, 3)) if float(images.sum()) > 0 else images.amax((2, 3))

    with pytest.raises(RunError, match="--no-onnx"):
        write_onnx(Chooses(), tmp_path / "model.onnx", height=8, width=8)


@pytest.mark.parametrize("damage", ["{", '{"format": 1}', '{"format": 9, "architecture": {}, "image": {}}'])
def test_a_damaged_or_newer_config_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "config.json").write_text(damage)
    with pytest.raises(DataError, match=r"config\.json"):
        load_exported(tmp_path)


def test_without_a_checkpoint_the_command_to_run_is_named(
    tiny_layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--data-root", str(tiny_layout.root), "export", "demo", "--no-onnx"]) == 2
    assert "gsv-pipeline train demo" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "aggregator", "side"),
    [
        # Class token, registers, scaled positions; optimal transport.
        ({"name": "dinov2_vits14_reg"}, {"name": "salad"}, 126),
        ({"name": "swinv2_tiny", "image_size": 64, "layers_to_crop": [4]}, {"name": "mixvpr"}, 64),
        ({"name": "efficientnet_b0"}, {"name": "boq"}, 64),
    ],
    ids=lambda part: part["name"] if isinstance(part, dict) else str(part),
)
def test_every_kind_of_model_means_the_same_to_onnx_runtime(
    backbone: dict[str, Any], aggregator: dict[str, Any], side: int, tmp_path: Path
) -> None:
    trunk, head = dict(backbone), dict(aggregator)
    if head["name"] == "mixvpr":
        head.update(in_h=4, in_w=4, out_channels=32)
    model = build_model(
        backbone=trunk.pop("name"),
        backbone_args={**trunk, "weights": "none"},
        aggregator=head.pop("name"),
        aggregator_args=head,
        seed=3,
    )
    assert write_onnx(model, tmp_path / "model.onnx", height=side, width=side) <= 1e-5
