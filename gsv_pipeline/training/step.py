"""One step of training: images in, weights changed, four numbers left on the device.

The host waits for nothing here. Losses and miners of pytorch-metric-learning wait a few times; ours does not.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from gsv_pipeline.errors import TrainingError
from gsv_pipeline.hardware import give_back, is_out_of_memory
from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.tracking import Tracker
from gsv_pipeline.training.augmentation import Augmentation, Pieces
from gsv_pipeline.training.gradient_cache import GradientCache, cut, num_pieces
from gsv_pipeline.training.judge import Judge, Judged
from gsv_pipeline.training.losses.pair_loss import Objective
from gsv_pipeline.training.pixels import Pixels, Uploads
from gsv_pipeline.training.statistics import Statistics
from gsv_pipeline.training.update import Update

METRICS: Final = ("loss", "batch_accuracy", "gradient_norm", "finite")
"""What a step returns, in this order; finite is 1.0 or 0.0."""

_STAND_INS: Final = 2  # images of a process without a share; a single one has no variance for batch norm


class TrainingStep:
    """Descriptors, loss, gradients and update of a batch, in pieces and in several processes where asked.

    A step whose loss, descriptors or gradients are not finite leaves weights, batch-norm statistics and the
    optimizer's state as they were. Out of memory, a process that trains alone halves `micro_batch` and does the step
    again, as if it had begun with that.

    Args:
        fabric: Launched, of any world size; knows device and precision.
        model: As `fabric.setup` returned it.
        optimizer: As `fabric.setup` returned it; the host waits for none whose groups are `fused`.
        objective: Takes descriptors and labels, returns the loss and the share of images without a hard positive.
        augmentation: Of uint8 images.
        seed: Of the run.
        num_rows: Rows of the places, without mirrored ones.
        images_per_place: K.
        micro_batch: Images through the network at once; None: all.
        plain: Pixels as the reference makes them.
        tracker: Told when memory runs out.

    Attributes:
        micro_batch: As it is now.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        *,
        optimizer: Optimizer,
        objective: Objective,
        augmentation: Augmentation,
        seed: int,
        num_rows: int,
        images_per_place: int,
        micro_batch: int | None,
        plain: bool,
        tracker: Tracker,
    ) -> None:
        self.micro_batch = micro_batch
        self._fabric = fabric
        self._optimizer = optimizer
        self._tracker = tracker
        self._upload = Uploads(fabric.device)
        self._pixels = Pixels(augmentation, upload=self._upload, seed=seed, num_rows=num_rows, plain=plain)
        self._judge = Judge(fabric, objective, images_per_place=images_per_place)
        self._gradients = GradientCache(fabric, model, seed=seed)
        self._statistics = Statistics(model)
        self._update = Update(fabric, optimizer)

    def __call__(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, epoch: int, step: int) -> Tensor:
        """Train on a batch.

        Args:
            batch: Of all processes; each draws the same.
            images: [b, H, W, 3] of this process's share (`own_share`) alone; only read.
            epoch: From 0.
            step: From 0 over all epochs.

        Returns:
            `METRICS`: float32 on the device. Loss and batch accuracy are those of the whole batch.

        Raises:
            TrainingError: Out of memory where no smaller piece is left, or where other processes take part.
        """
        assert len(images) == _length(self._own(batch)), "images of another share"
        self._statistics.keep()
        judged = self._judged(batch, images, epoch=epoch, step=step)
        try:
            norm, is_finite = self._update(judged.is_sound)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # Some weights may have changed already, so this cannot be done again.
            raise TrainingError(
                f"Out of memory while the weights were updated ({_first_line(error)}). The optimizer keeps a state for "
                "each weight: choose a smaller model.backbone or model.aggregator, or training.optimizer.name=sgd."
            ) from error
        self._statistics.restore_unless(is_finite)
        self._statistics.average(self._fabric.world_size)
        return torch.stack([judged.loss.float(), judged.batch_accuracy.float(), norm.float(), is_finite.float()])

    def _own(self, batch: PlaceBatch) -> slice:
        own: slice = self._judge.shares(len(batch.rows))[self._fabric.global_rank]
        return own

    def _judged(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, epoch: int, step: int) -> Judged:
        """Gradients into the parameters, in smaller and smaller pieces until they fit."""
        while True:
            try:
                return self._attempt(batch, images, epoch=epoch, step=step)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self.micro_batch = self._halved(max(len(images), 1), error=error)
            # Only here, after the except block, are the tensors of the failed attempt let go.
            self._optimizer.zero_grad(set_to_none=True)
            give_back(self._fabric.device)
            self._statistics.restore()
            self._tracker.message(
                f"Out of memory in step {step + 1}. The same batch goes on in smaller pieces: "
                f"training.micro_batch={self.micro_batch}"
            )

    def _attempt(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, epoch: int, step: int) -> Judged:
        self._optimizer.zero_grad(set_to_none=True)
        labels = self._upload(torch.from_numpy(batch.labels))
        shares = [_length(share) for share in self._judge.shares(len(batch.rows))]
        judged = self._gradients(
            self._input(batch, images, epoch=epoch),
            cut(len(images), pieces=num_pieces(shares, micro_batch=self.micro_batch)),
            judge=lambda found: self._judge(found, labels),
            step=step,
            statistics=self._statistics,
        )
        if not len(images):
            self._statistics.restore()
        return judged

    def _input(self, batch: PlaceBatch, images: npt.NDArray[np.uint8], *, epoch: int) -> Pieces:
        """Of this process's share; black images where there are fewer places than processes.

        Without a backward pass here the others would wait for ever.
        """
        if len(images):
            return self._pixels(batch, images, share=self._own(batch), epoch=epoch)
        stand_ins = torch.zeros(_STAND_INS, 3, *images.shape[1:3], device=self._fabric.device)
        return lambda piece: stand_ins[piece]

    def _halved(self, num_images: int, *, error: BaseException) -> int:
        """The next smaller piece.

        Raises:
            TrainingError: There is none, or other processes would not know.
        """
        now = min(self.micro_batch or num_images, num_images)
        if self._fabric.world_size > 1:
            raise TrainingError(
                f"Out of memory in process {self._fabric.global_rank} of {self._fabric.world_size} with {now} images "
                f"at once ({_first_line(error)}). Set training.micro_batch to {max(now // 2, 1)} or less: one process "
                "cannot change it alone."
            ) from error
        if now == 1:
            raise TrainingError(
                f"Out of memory with a single image at once ({_first_line(error)}). Lower image.height and "
                "image.width, training.places_per_batch, or choose a smaller model.backbone."
            ) from error
        return now // 2


def _length(part: slice) -> int:
    return int(part.stop - part.start)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
