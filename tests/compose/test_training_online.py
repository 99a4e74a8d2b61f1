"""A real training against a W&B on loopback: what people find there afterwards, and what lies beside the checkpoint."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_TRAINING, tiny_experiment
from tests.tracking.wandb_client import FOREIGN
from tests.tracking.wandb_server import KEY, wandb_server

pytest.importorskip("wandb")

LOGGED = {"loss", "batch_accuracy", "learning_rate", "gradient_norm", "images_per_s"}


def train(layout: Layout, *settings: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gsv_pipeline.cli", "--data-root", str(layout.root), "train", "demo", *settings],
        env={
            **{name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)},
            **environment,
        },
        cwd=layout.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def trained(tiny_demo, tmp_path_factory):
    """The service, and the data root, after a training."""
    layout = Layout(tmp_path_factory.mktemp("online") / "data")
    shutil.copytree(tiny_demo, layout.root)
    stages.build_places(layout, tiny_experiment(layout), tracker=NullTracker())
    stages.build_benchmark(layout, "demo_val", tracker=NullTracker())
    with wandb_server() as service:
        train(layout, *TINY_TRAINING, environment={**service.environment, "HOME": str(layout.root)})
        yield service, layout


def test_curves_recalls_and_settings_are_at_the_service(trained):
    service, layout = trained
    ((run_id, run),) = service.runs.items()
    manifest = read_manifest(layout.checkpoint("demo"))
    assert run_id.startswith(f"train-{manifest.fingerprint}-")
    names = {name for row in run.history for name in row}
    assert {f"train/{name}" for name in LOGGED} <= names
    log = json.loads((layout.checkpoint("demo") / "history.json").read_text())
    assert run.values("demo_val/R@1") == {row["step"]: row["demo_val/R@1"] for row in log["validations"]}
    assert run.steps == sorted(set(run.steps))
    assert run.config["training"]["value"]["epochs"] == 2
    assert run.config["inputs"]["value"]["places/demo"] == read_manifest(layout.places("demo")).data_version
    assert run.told["tags"] == ["demo", "resnet18", "convap", "multi_similarity"]
    assert run.ended == [0]


def test_every_validation_has_its_gallery_here_and_there(trained):
    service, layout = trained
    (run,) = service.runs.values()
    log = json.loads((layout.checkpoint("demo") / "history.json").read_text())
    galleries = sorted((layout.checkpoint("demo") / "gallery").iterdir())
    steps = [row["step"] for row in log["validations"]]
    assert [path.name for path in galleries] == [f"demo_val-{step:07d}.jpg" for step in steps]
    pictures = run.values("demo_val/retrievals")
    assert list(pictures) == steps
    for path, picture in zip(galleries, pictures.values(), strict=True):
        assert run.files[picture["path"]] == path.read_bytes()
        with Image.open(path) as image:
            image.verify()


def test_the_checkpoint_is_an_artifact_that_knows_its_recalls_and_its_data(trained):
    service, layout = trained
    (run,) = service.runs.values()
    (model,) = service.artifacts_named("demo-checkpoint")
    manifest = read_manifest(layout.checkpoint("demo"))
    known = json.loads(model["metadata"])
    assert known["run"] == run.told["name"]
    assert known["demo_val/R@1"] == pytest.approx(manifest.metadata["demo_val/R@1"], abs=1e-4)
    assert (known["steps"], known["step"]) == (manifest.metadata["steps"], manifest.metadata["best_step"])
    assert known["inputs"]["places/demo"] == manifest.inputs["places/demo"]
    assert (layout.checkpoint("demo") / "model.safetensors").read_bytes() in service.stored.values()
    assert sorted(run.used) == ["benchmark-demo_val", "places-demo"]
    sent = [content for path, content in service.stored.items() if path.startswith("/artifacts/")]
    assert not any(content.startswith((b"\xff\xd8", b"\x89PNG")) for content in sent), "no image is data"


def test_the_table_beside_the_checkpoint_is_the_whole_log(trained):
    _, layout = trained
    folder = layout.checkpoint("demo")
    table = pd.read_csv(folder / "metrics.csv")
    steps = read_manifest(folder).metadata["steps"]
    assert table["step"].tolist() == list(range(1, steps + 1))
    assert table.columns[0] == "step"
    assert {f"train/{name}" for name in LOGGED} <= set(table.columns)
    assert table["demo_val/R@1"].notna().sum() == 2
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == steps


def test_the_key_is_in_no_file(trained):
    _, layout = trained
    files = [path for path in layout.root.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_training_from_the_start_is_another_run(trained):
    service, layout = trained
    train(layout, "--restart", *TINY_TRAINING, environment={**service.environment, "HOME": str(layout.root)})
    assert len(service.runs) == 2
    assert {run.ended[0] for run in service.runs.values()} == {0}
