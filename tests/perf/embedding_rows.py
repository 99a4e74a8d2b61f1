"""What is measured about describing images: the model alone, and files to descriptors."""

import itertools
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gsv_pipeline.hardware import torch_threads
from tests.perf.measure import Row, in_turn

SIDE: Final = 320
BATCH: Final = 8
NUM_FILES: Final = 1_000
DISTINCT: Final = 50
PIECES: Final = 5
LEAST_COSINE: Final = 0.9999
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def embed_resnet18() -> Row:
    """ResNet18 + Conv-AP 1024×2×2, eight images of 320 px in memory, one thread."""
    return _model_row("embed_resnet18", "resnet18", goal=2.9)


def embed_resnet50() -> Row:
    """The same with ResNet50."""
    return _model_row("embed_resnet50", "resnet50", goal=3.8)


def embed_files() -> Row:
    """1,000 JPEG files of 480×640 to descriptors in a file, on two threads, against the plain way in equal pieces."""
    from gsv_pipeline.embeddings.extract import extract
    from gsv_pipeline.embeddings.options import ExtractionOptions
    from gsv_pipeline.embeddings.shards import Shard
    from gsv_pipeline.embeddings.work import Extraction
    from gsv_pipeline.images import ImageReader
    from gsv_pipeline.tracking import NullTracker

    plain, ours = _model("resnet18"), _model("resnet18")
    seconds, cosines = [0.0, 0.0], []
    with torch_threads(2), tempfile.TemporaryDirectory() as folder:
        paths = _files(Path(folder))
        size = NUM_FILES // PIECES
        _plain_way(plain, paths[:16])  # warm
        for number in range(PIECES):
            piece = paths[number * size : (number + 1) * size]
            started = time.perf_counter()
            expected = _plain_way(plain, piece)
            between = time.perf_counter()
            work = Extraction(Path(folder) / f"work{number}", "database", rows=size, batch_size=16, shard=Shard())
            reader = ImageReader(piece, height=SIDE, width=SIDE)
            extract(
                lambda: ours,
                reader,
                work,
                options=ExtractionOptions(precision="auto"),
                tracker=NullTracker(),
                description="",
            )
            seconds[0] += between - started
            seconds[1] += time.perf_counter() - between
            cosines.append(float((np.load(work.path) * expected).sum(axis=1).min()))
    _assert_cosine(min(cosines))
    note = f"Pillow, torchvision, DataLoader of 2, eager float32; an image; cosine {min(cosines):.6f}"
    return Row("embed_files", *(total / NUM_FILES * 1000 for total in seconds), "ms", 2.5, note)


EMBEDDING_ROWS: Final[Mapping[str, Callable[[], Row]]] = {
    "embed_resnet18": embed_resnet18,
    "embed_resnet50": embed_resnet50,
    "embed_files": embed_files,
}


def _model_row(name: str, backbone: str, *, goal: float) -> Row:
    from gsv_pipeline.embeddings.describer import Describer
    from gsv_pipeline.tracking import NullTracker

    images = np.random.default_rng(0).integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8)
    model = _model(backbone)

    def eager() -> torch.Tensor:
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous() / 255
        described: torch.Tensor = model(transforms.functional.normalize(pixels, MEAN, STD))
        return described

    with torch_threads(1), torch.inference_mode():
        describer = Describer(model, precision="auto", tracker=NullTracker())
        cosine = float((describer(images) * eager().numpy()).sum(axis=1).min())
        _assert_cosine(cosine)
        baseline, ours = in_turn(eager, lambda: describer(images), rounds=5)
    note = f"eager float32; both from uint8; an image; cosine {cosine:.6f}"
    return Row(name, baseline / BATCH * 1000, ours / BATCH * 1000, "ms", goal, note)


def _model(backbone: str) -> nn.Module:
    from gsv_pipeline.models.vpr_model import build_model

    arguments: dict[str, Any] = {"backbone_args": {"weights": "none"}, "aggregator_args": {"out_channels": 1024}}
    return build_model(backbone=backbone, aggregator="convap", seed=1, **arguments).eval()


class _Plain(Dataset[torch.Tensor]):
    """Images as the reference reads them."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        steps = [transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> torch.Tensor:
        pixels: torch.Tensor = self.transform(Image.open(self.paths[row]).convert("RGB"))
        return pixels


def _plain_way(model: nn.Module, paths: list[Path]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        return np.concatenate([model(batch).numpy() for batch in DataLoader(_Plain(paths), 16, num_workers=2)])


def _files(folder: Path) -> list[Path]:
    """Smooth scenes with grain, so that files are as large as photographs; each content stands under several names."""
    generator = np.random.default_rng(0)
    paths = []
    for number in range(DISTINCT):
        coarse = Image.fromarray(generator.integers(0, 236, (24, 32, 3), dtype=np.uint8)).resize((640, 480))
        grain = generator.integers(0, 20, (480, 640, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(np.asarray(coarse, dtype=np.uint8) + grain).save(paths[-1], quality=90)
    return list(itertools.islice(itertools.cycle(paths), NUM_FILES))


def _assert_cosine(cosine: float) -> None:
    assert cosine >= LEAST_COSINE, f"the cosine to eager float32 is {cosine}"
