"""RandAugment per image: a plan from seeds, carried out where the images are."""

from dataclasses import dataclass

from torch import Tensor

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_whole
from gsv_pipeline.training.augmentation.device_batch import apply_on_device
from gsv_pipeline.training.augmentation.pieces import Pieces, Upload
from gsv_pipeline.training.augmentation.plain_ops import apply_plain
from gsv_pipeline.training.augmentation.plan import NUM_BINS, draw_plan
from gsv_pipeline.training.augmentation.seeds import Seeds, check_batch
from gsv_pipeline.training.augmentation.table_ops import apply_tables


@dataclass(frozen=True, slots=True)
class RandAugment:
    """RandAugment per image, Cubuk et al. 2019 (arXiv 1909.13719); the reference's training augmentation (FIELD 1.2).

    Args:
        num_ops: Operations per image.
        magnitude: Strength, 0 to 30.

    Raises:
        ConfigError: A number out of range.
    """

    num_ops: int = 3
    magnitude: int = 9

    def __post_init__(self) -> None:
        require_whole("augmentation 'randaugment'", least=0, num_ops=self.num_ops, magnitude=self.magnitude)
        if self.magnitude >= NUM_BINS:
            raise ConfigError(
                f"augmentation 'randaugment': 'magnitude' is {self.magnitude}, expected 0 to {NUM_BINS - 1}."
            )

    def __call__(self, images: Tensor, seeds: Seeds, *, upload: Upload, plain: bool = False) -> Pieces:
        """See `Augmentation`. All at once: whoever asks for a piece twice pays once."""
        changed = self.augment(images, seeds, plain=plain)
        return lambda piece: changed[piece]

    def augment(self, images: Tensor, seeds: Seeds, *, plain: bool = False, out: Tensor | None = None) -> Tensor:
        """Augment images where they are; they stay uint8, a quarter of the bytes of float32.

        Args:
            images: [B, 3, H, W] uint8, on a CPU or an accelerator; on a CPU quickest where contiguous.
            seeds: [B].
            plain: Carry the same plan out with torchvision, one image after the other: several times slower.
            out: Where to write, of the shape of `images`; may be `images`, which is quickest while they are in the
                cache. A new tensor in their memory format if None.

        Returns:
            [B, 3, H, W] uint8 on the same device.

        Raises:
            DataError: Images that are not uint8 [B, 3, H, W], or another number of seeds.
        """
        check_batch(images, seeds)
        height, width = images.shape[2:]
        plan = draw_plan(seeds, num_ops=self.num_ops, magnitude=self.magnitude, height=height, width=width)
        if plain:
            return apply_plain(images, plan, out=out)
        return (apply_tables if images.device.type == "cpu" else apply_on_device)(images, plan, out=out)
