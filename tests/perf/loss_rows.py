"""Mining and multi-similarity loss of 100 places x 4, D=4096: ours against the library as the reference calls it.

The reference calls the miner, then the loss with the mined pairs, then counts on the host which images the miner left
without a positive pair (FIELD 1.4). Both sides run forward and backward, down to the gradient of the descriptors.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

import torch
from pytorch_metric_learning import distances, losses, miners
from torch import Tensor

from gsv_pipeline.hardware import torch_threads
from gsv_pipeline.training.losses import build_objective
from tests.dispatch import Dispatched
from tests.perf.measure import Row

NUM_PLACES: Final = 100
IMAGES_PER_PLACE: Final = 4
DIMENSIONS: Final = 4096
_ROUNDS: Final = 21

Step = Callable[[Tensor, Tensor], tuple[Tensor, float | Tensor]]


def loss_time() -> Row:
    """One thread, CPU seconds of one step."""
    descriptors, labels = _batch()
    with torch_threads(1):
        baseline, ours = _cpu_in_turn(_reference_step(), _our_step(), descriptors, labels)
    return Row("loss", baseline * 1000, ours * 1000, "ms", 3.3, f"CPU time, one thread, {len(labels)} x {DIMENSIONS}")


def loss_memory() -> Row:
    """Memory of all tensors that one step allocates, and its operators that make the host wait for a device."""
    reference, ours = (_dispatched(step, *_batch()) for step in (_reference_step(), _our_step()))
    note = (
        f"allocated in a step; host waits {len(reference.waits)} and {len(ours.waits)}, "
        f"operators {reference.num_operators} and {ours.num_operators}"
    )
    assert not ours.waits, f"the host waits for the device in {ours.waits}"
    return Row("loss_memory", reference.allocated_bytes / 1e6, ours.allocated_bytes / 1e6, "MB", 4.0, note)


LOSS_ROWS: Final[Mapping[str, Callable[[], Row]]] = {"loss": loss_time, "loss_memory": loss_memory}


def _batch() -> tuple[Tensor, Tensor]:
    """Descriptors as early in training: images of a place are alike, yet nearly every image has hard pairs."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(NUM_PLACES).repeat_interleave(IMAGES_PER_PLACE)
    places = torch.randn(NUM_PLACES, DIMENSIONS, generator=generator)
    images = places[labels] + 3.0 * torch.randn(len(labels), DIMENSIONS, generator=generator)
    return torch.nn.functional.normalize(images, dim=1), labels


def _reference_step() -> Step:
    miner = miners.MultiSimilarityMiner(epsilon=0.1, distance=distances.CosineSimilarity())
    loss = losses.MultiSimilarityLoss(alpha=1.0, beta=50, base=0.0, distance=distances.DotProductSimilarity())

    def step(descriptors: Tensor, labels: Tensor) -> tuple[Tensor, float]:
        pairs = miner(descriptors, labels)
        value = loss(descriptors, labels, pairs)
        accuracy = 1.0 - len(set(pairs[0].detach().cpu().numpy())) / len(labels)
        value.backward()
        return value, accuracy

    return step


def _our_step() -> Step:
    objective = build_objective("multi_similarity", {}, miner="multi_similarity", miner_arguments={})

    def step(descriptors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        value, accuracy = objective(descriptors, labels)
        value.backward()
        return value, accuracy

    return step


def _cpu_in_turn(baseline: Step, ours: Step, descriptors: Tensor, labels: Tensor) -> tuple[float, float]:
    """Median CPU seconds of both, run in turn after one unmeasured round, once both give the same."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 1):
        found = []
        for kept, step in zip(times, (baseline, ours), strict=True):
            leaf = descriptors.clone().requires_grad_()
            started = time.process_time()
            value, accuracy = step(leaf, labels)
            if number:
                kept.append(time.process_time() - started)
            found.append((value.item(), float(accuracy), leaf.grad))
        if not number:
            _assert_equal(*found)
    return statistics.median(times[0]), statistics.median(times[1])


def _assert_equal(first: tuple[float, float, Tensor | None], second: tuple[float, float, Tensor | None]) -> None:
    torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-6)
    assert first[0] > 0.1, "the batch is too easy: with nothing mined, the library returns at once"


def _dispatched(step: Step, descriptors: Tensor, labels: Tensor) -> Dispatched:
    descriptors.requires_grad_()
    with Dispatched() as seen:
        step(descriptors, labels)
    return seen
