"""What is measured: one function per row, in the order of the pipeline."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from tests.perf.augmentation_rows import AUGMENTATION_ROWS
from tests.perf.catalog_rows import CATALOG_ROWS
from tests.perf.loss_rows import LOSS_ROWS
from tests.perf.measure import Row, in_turn
from tests.perf.places_rows import filter_places, look_places_up, open_places, worker_memory

REPOSITORY: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent


def import_package() -> Row:
    """`import gsv_pipeline` in a fresh process, start of the interpreter taken off."""
    bare, ours = in_turn(lambda: _python("pass"), lambda: _python("import gsv_pipeline"), rounds=9)
    return Row("import", 300.0, max(ours - bare, 1e-4) * 1000, "ms", 1.0, "limit 0.3 s")


def load_definitions() -> Row:
    """`dagster definitions validate`."""
    seconds = _seconds([str(BIN / "dagster"), "definitions", "validate", "-w", "workspace.yaml"])
    return Row("definitions", 8.0, seconds, "s", 1.0, "limit 8 s")


def render_city() -> Row:
    """The whole default city, about 3,000 photographs, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds([str(BIN / "gsv-pipeline"), "--data-root", folder, "fetch", "demo"])
    return Row("render", 100.0, seconds, "s", 1.0, "limit 100 s on two cores")


def count_recall() -> Row:
    """Recall at six K of 2,760 queries with three positives each: sorted keys against a loop over queries."""
    from gsv_pipeline.evaluation.recall import recall_at_k

    generator = np.random.default_rng(0)
    predictions = generator.integers(0, 27_592, (2_760, 25))
    positives = [np.unique(generator.integers(0, 27_592, 3)) for _ in range(2_760)]
    ks = (1, 5, 10, 15, 20, 25)

    def loop() -> None:
        hits = np.zeros(len(ks))
        for found, correct in zip(predictions, positives, strict=True):
            for position, k in enumerate(ks):
                if np.isin(found[:k], correct).any():
                    hits[position:] += 1
                    break

    baseline, ours = in_turn(loop, lambda: recall_at_k(predictions, positives, ks))
    return Row("recall", baseline * 1000, ours * 1000, "ms", 10.0, "loop over queries and K, as in the reference")


def describe_images() -> Row:
    """ResNet18 + Conv-AP 1024×2×2 at 320 px on the CPU: our extraction in `auto` precision against eager float32."""
    import torch

    from gsv_pipeline.embeddings.extract import describe, prepare
    from gsv_pipeline.images import ImageReader
    from gsv_pipeline.models.normalise import normalise, to_channels_first
    from gsv_pipeline.models.vpr_model import build_model
    from gsv_pipeline.tracking import NullTracker

    arguments = {"backbone_args": {"weights": "none"}, "aggregator_args": {"out_channels": 1024}}
    plain, ours_model = (
        build_model(backbone="resnet18", aggregator="convap", seed=1, **arguments).eval()  # type: ignore[arg-type]
        for _ in range(2)
    )
    prepare(ours_model)
    images = np.random.default_rng(0).integers(0, 256, (16, 320, 320, 3), dtype=np.uint8)
    reader = ImageReader([Path(str(row)) for row in range(16)], height=320, width=320)
    reader._decoded = images

    def eager() -> None:
        with torch.inference_mode():
            plain(normalise(to_channels_first(torch.from_numpy(images))).contiguous())

    baseline, ours = in_turn(
        eager, lambda: describe(ours_model, reader, tracker=NullTracker(), description="", precision="auto")
    )
    return Row("describe", baseline / 16 * 1000, ours / 16 * 1000, "ms", 1.5, "eager float32; an image")


def demo_again() -> Row:
    """A second `make demo` with nothing changed; needs a finished first one."""
    seconds = _seconds(["make", "--no-print-directory", "demo"])
    return Row("demo_again", 20.0, seconds, "s", 1.0, "limit 20 s; run make demo first")


ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "import": import_package,
    "definitions": load_definitions,
    "render": render_city,
    **CATALOG_ROWS,
    "filter": filter_places,
    "open_places": open_places,
    "place_lookup": look_places_up,
    "worker_memory": worker_memory,
    **LOSS_ROWS,
    **AUGMENTATION_ROWS,
    "recall": count_recall,
    "describe": describe_images,
    "demo_again": demo_again,
}


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def _seconds(command: list[str]) -> float:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    started = time.perf_counter()
    subprocess.run(
        command, cwd=REPOSITORY, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started
