"""No augmentation: images as they are."""

from dataclasses import dataclass

from torch import Tensor

from gsv_pipeline.training.augmentation.pieces import Pieces, Upload
from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch


@dataclass(frozen=True, slots=True)
class NoAugmentation:
    """Images as they are."""

    def __call__(self, images: Tensor, seeds: Seeds, *, upload: Upload, plain: bool = False) -> Pieces:
        """See `Augmentation`."""
        check_batch(images, seeds)
        return lambda piece: images[piece]
