"""How to train, in plain values and functions."""

from dataclasses import dataclass

from gsv_pipeline.training.augmentation import Augmentation
from gsv_pipeline.training.losses.pair_loss import Objective
from gsv_pipeline.training.optimizers import Schedule


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How to train, without what to train on.

    Args:
        objective: Takes descriptors and labels, returns the loss and the share of images without a hard positive.
        schedule: Factor on the learning rate by step.
        augmentation: Of uint8 batches.
        learning_rate: Base rate.
        epochs: Passes over all places.
        validate_every_epochs: The last epoch is always validated.
        checkpoint_every_steps: How much a killed run may lose.
        seed: Of the augmentation, and of what a model draws.
        patience: Validations without a better one, after which training ends; None: never.
        micro_batch: Images through the network at once; None: the whole batch.
        plain: The slow way.
        read_every_steps: Steps between two looks at their numbers; None: what suits the device.
    """

    objective: Objective
    schedule: Schedule
    augmentation: Augmentation
    learning_rate: float
    epochs: int
    validate_every_epochs: int
    checkpoint_every_steps: int
    seed: int
    patience: int | None = None
    micro_batch: int | None = None
    plain: bool = False
    read_every_steps: int | None = None
