"""Seeds of single images, and random words from them: hashes of integers, so that nothing has a state to store.

SplitMix64, Steele et al. 2014 (doi 10.1145/2660193.2660195): every word is a bijective mix of a counter, computed for a
whole batch at once and the same on every machine, device and NumPy version.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gsv_pipeline.errors import DataError

Seeds = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)  # the golden ratio in 64 bits, odd: counters visit every state
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_MASK: Final = 2**64 - 1


def image_seeds(seed: int, epoch: int, rows: npt.NDArray[np.int64]) -> Seeds:
    """A seed for each image of an epoch, whatever batch, worker or resumed run it comes in.

    Args:
        seed: Of the whole run.
        epoch: From 0.
        rows: [B] rows of the places. Different rows have different seeds within an epoch.

    Returns:
        [B].
    """
    run = _mix(_words_of(seed) + _GAMMA)
    of_epoch = _mix((run ^ _words_of(epoch)) + _GAMMA)
    return _mix((of_epoch ^ rows.astype(np.uint64)) + _GAMMA).view(np.int64)


def random_words(seeds: Seeds, count: int) -> Words:
    """The first words of each seed's SplitMix64 sequence.

    Args:
        seeds: [B].
        count: Words for each seed.

    Returns:
        [B, count], uniform over 64 bits.
    """
    steps = np.arange(1, count + 1, dtype=np.uint64) * _GAMMA
    return _mix(seeds.astype(np.uint64)[:, None] + steps)


def random_fractions(seeds: Seeds, count: int) -> npt.NDArray[np.float32]:
    """[B, count] uniform numbers in [0, 1): the upper 24 bits of `random_words`, which float32 holds exactly."""
    return (random_words(seeds, count) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def check_batch(images: Tensor, seeds: Seeds) -> None:
    """Refuse what is not a batch of images with a seed each.

    Raises:
        DataError: Images that are not uint8 [B, 3, H, W], or another number of seeds.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise DataError(
            f"Augmentation got images of {images.dtype} {list(images.shape)}; expected torch.uint8 [B, 3, H, W]. "
            "Augment before normalising."
        )
    if seeds.shape != (len(images),):
        raise DataError(f"Augmentation got seeds of shape {list(seeds.shape)} for {len(images)} images; one each.")


def _words_of(number: int) -> Words:
    # An array, not a scalar: only arrays wrap around silently.
    return np.array([number & _MASK], dtype=np.uint64)


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
