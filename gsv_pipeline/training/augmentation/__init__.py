"""Augmentations on tensors, [B, 3, H, W] uint8 and a seed for each image: neighbours and order change nothing."""

from typing import Protocol

from torch import Tensor

from gsv_pipeline.registry import Registry
from gsv_pipeline.training.augmentation.none import NoAugmentation
from gsv_pipeline.training.augmentation.pieces import Pieces, Upload
from gsv_pipeline.training.augmentation.randaugment import RandAugment
from gsv_pipeline.training.augmentation.seeds import Seeds, image_seeds
from gsv_pipeline.training.augmentation.street import Street

__all__ = ["AUGMENTATIONS", "Augmentation", "NoAugmentation", "Pieces", "RandAugment", "Seeds", "Street", "image_seeds"]


class Augmentation(Protocol):
    """Changes training images; what one becomes is a function of itself and its seed (`image_seeds`)."""

    def __call__(self, images: Tensor, seeds: Seeds, *, upload: Upload, plain: bool = False) -> Pieces:
        """Draw for a batch now, and change its images now or piece by piece, whichever is quicker.

        Args:
            images: [B, 3, H, W] uint8; only read.
            seeds: [B].
            upload: Takes draws to where the images are.
            plain: With a library's operations, one image after the other, where there is a quicker way.

        Returns:
            Slice -> [b, 3, H, W], uint8 or float32 in [0, 1].

        Raises:
            DataError: Images that are not uint8 [B, 3, H, W], or another number of seeds.
        """


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation",
    {
        "none": NoAugmentation,
        "randaugment": RandAugment,
        "street": Street,
    },
)
