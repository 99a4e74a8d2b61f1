"""What happens once before the first step: clusters of an aggregator start where local descriptors lie."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gsv_pipeline.models.aggregators.netvlad import sample_cells
from gsv_pipeline.models.normalise import normalise, to_channels_first
from gsv_pipeline.tracking import Tracker

IMAGES: Final = 500
CELLS_PER_IMAGE: Final = 100
"""50,000 local descriptors, 100 of an image (the sample of the Pittsburgh recipe, arXiv 1511.07247)."""
BATCH_SIZE: Final = 20


class ImageBatches(Protocol):
    """What training asks of an image reader."""

    def __len__(self) -> int:
        """Images."""

    def batches(self, rows: Iterable[Sequence[int] | npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.uint8]]:
        """A `[b, H, W, 3]` array for each row list, in order; valid until the next one is asked for."""


def needs_start(model: nn.Module) -> bool:
    """Whether the model's aggregator begins from a sample of local descriptors (NetVLAD)."""
    return callable(getattr(getattr(model, "aggregator", None), "initialise", None))


def start_aggregator(
    model: nn.Module, reader: ImageBatches, *, device: torch.device, seed: int, tracker: Tracker
) -> None:
    """Initialise the aggregator from the cells of `IMAGES` images, drawn evenly, unaugmented.

    Args:
        model: With `backbone` and `aggregator`; changed in place and moved to `device`.
        reader: Training images.
        device: Where to compute.
        seed: Of the drawn images, the drawn cells and the clusters.
        tracker: Shows a bar.

    Raises:
        DataError: Fewer different cells than clusters, or a damaged image.
    """
    model.to(device)
    cells = _cells(model, reader, device=device, seed=seed, tracker=tracker)
    tracker.message(f"Setting the start of the aggregator from {len(cells)} local descriptors")
    model.aggregator.initialise(cells, seed=seed)  # type: ignore[operator,union-attr]


def _cells(model: nn.Module, reader: ImageBatches, *, device: torch.device, seed: int, tracker: Tracker) -> Tensor:
    drawn = np.random.default_rng(seed).choice(len(reader), min(IMAGES, len(reader)), replace=False)
    rows = np.sort(drawn).astype(np.int64)
    batches = [rows[first : first + BATCH_SIZE] for first in range(0, len(rows), BATCH_SIZE)]
    generator = torch.Generator().manual_seed(seed)
    was_training = model.training
    model.eval()
    found = []
    try:
        with torch.inference_mode(), tracker.progress("Sampling local descriptors", total=len(rows)) as bar:
            for images in reader.batches(batches):
                features = model.backbone(normalise(to_channels_first(torch.from_numpy(images).to(device))))  # type: ignore[operator]
                features = features[0] if isinstance(features, tuple) else features  # [b, C, h, w]
                found.append(sample_cells(features, per_image=CELLS_PER_IMAGE, generator=generator))
                bar.advance(len(images))
    finally:
        model.train(was_training)
    return torch.cat(found)  # [N, C]
