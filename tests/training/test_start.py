"""NetVLAD's clusters start where local descriptors lie."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.vpr_model import VPRModel, build_model
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.start import needs_start, start_aggregator


class Noise:
    """Stands in for an image reader."""

    def __init__(self, count: int) -> None:
        self.images = np.random.default_rng(0).integers(0, 255, (count, 48, 64, 3), dtype=np.uint8)
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, rows: Any) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        for batch in rows:
            self.asked.extend(batch.tolist())
            yield self.images[batch]


def model(aggregator: str = "netvlad", **arguments: Any) -> VPRModel:
    backbone = {"weights": "none", "layers_to_crop": [3, 4]}
    return build_model(
        backbone="resnet18", backbone_args=backbone, aggregator=aggregator, aggregator_args=arguments, seed=1
    )


def start(built: VPRModel, reader: Noise, *, seed: int = 1) -> torch.Tensor:
    start_aggregator(built, reader, device=torch.device("cpu"), seed=seed, tracker=NullTracker())
    return built.aggregator.centroids.detach().clone()  # type: ignore[union-attr,operator]


def test_clusters_depend_on_the_images_and_the_seed_alone() -> None:
    built, reader = model(clusters=4).train(), Noise(12)
    fresh = built.aggregator.centroids.detach().clone()  # type: ignore[union-attr,operator]
    before = {name: value.clone() for name, value in built.backbone.state_dict().items()}
    centres = start(built, reader)
    assert not torch.equal(centres, fresh)
    assert torch.equal(centres, start(model(clusters=4), Noise(12)))
    assert not torch.equal(centres, start(model(clusters=4), Noise(12), seed=2))
    assert sorted(reader.asked) == list(range(12))  # few images: all of them, each once
    assert built.training
    assert all(torch.equal(value, before[name]) for name, value in built.backbone.state_dict().items())
    assert (built(torch.randn(2, 3, 48, 64)).norm(dim=1) - 1).abs().max() < 1e-5


def test_many_images_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsv_pipeline.training.start.IMAGES", 10)
    reader = Noise(40)
    start(model(clusters=4), reader)
    assert len(set(reader.asked)) == len(reader.asked) == 10
    assert max(reader.asked) > 20


def test_too_few_local_descriptors_are_refused() -> None:
    tiny = Noise(3)
    tiny.images = tiny.images[:, :8, :8]  # a cell or four each
    with pytest.raises(DataError, match="netvlad starts from at least 64 local descriptors"):
        start(model(), tiny)


def test_only_aggregators_that_ask_for_it_are_started() -> None:
    assert needs_start(model())
    assert not needs_start(model("gem"))
