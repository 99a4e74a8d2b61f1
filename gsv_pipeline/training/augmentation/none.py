"""No augmentation: images as they are."""

from dataclasses import dataclass

from torch import Tensor

from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch


@dataclass(frozen=True, slots=True)
class NoAugmentation:
    """Images as they are."""

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """See `Augmentation`."""
        return images.float() / 255.0

    def augment(self, images: Tensor, seeds: Seeds) -> Tensor:
        """See `Augmentation`."""
        check_batch(images, seeds)
        return images.float() / 255.0
