"""Images of one colour each and a model that sees colours: recalls that can be counted by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.evaluation.validator import Validation
from gsv_pipeline.images import ImageReader

COLOURS = [(220, 40, 40), (40, 220, 40), (40, 40, 220), (220, 220, 40), (40, 220, 220), (220, 40, 220)]


class MeanColour(nn.Module):
    """Describes an image by its mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.normalize(images.mean(dim=(2, 3)) * self.scale, dim=1)


def paint(folder: Path) -> list[Path]:
    """Six database images of one colour each, then three queries of the first three colours."""
    paths = []
    for number, colour in enumerate([*COLOURS, *COLOURS[:3]]):
        paths.append(folder / f"{number}.png")
        Image.new("RGB", (8, 8), colour).save(paths[-1])
    return paths


def colour_validation(paths: list[Path], *, own: slice | None = None) -> Validation:
    """The last query's positive is of the opposite colour, so R@1 and R@5 are two thirds."""
    tables = [pd.DataFrame({"image_id": range(count)}) for count in (6, 3)]
    data = BenchmarkData(*tables, [np.array([0]), np.array([1]), np.array([3])])
    readers = [ImageReader(part, height=8, width=8) for part in (paths, paths[own or slice(None)])]
    return Validation("colours", data, readers[0], readers[1] if own else None)
