"""Augmentations on tensors: [B, 3, H, W] uint8 -> [B, 3, H, W] float32 in [0, 1]. Chance comes from seeds."""

from typing import Protocol

from torch import Tensor

from gsv_pipeline.registry import Registry
from gsv_pipeline.training.augmentation.none import NoAugmentation
from gsv_pipeline.training.augmentation.randaugment import RandAugment
from gsv_pipeline.training.augmentation.seeds import Seeds, image_seeds
from gsv_pipeline.training.augmentation.street import Street

__all__ = ["AUGMENTATIONS", "Augmentation", "NoAugmentation", "RandAugment", "Seeds", "Street", "image_seeds"]


class Augmentation(Protocol):
    """Changes training images; equal seeds give equal output."""

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Augment a batch that has one seed: what an image becomes depends on its position too.

        Args:
            images: [B, 3, H, W] uint8.
            seed: Of this batch.

        Returns:
            [B, 3, H, W] float32 in [0, 1].
        """

    def augment(self, images: Tensor, seeds: Seeds) -> Tensor:
        """Augment a batch whose images have seeds of their own (`image_seeds`): neighbours and order change nothing.

        Args:
            images: [B, 3, H, W] uint8.
            seeds: [B].

        Returns:
            [B, 3, H, W] float32 in [0, 1].

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
