"""Batches of P places × K images: a pure function of seed and epoch, so nothing has to be stored to resume.

Every epoch is shuffled anew. The reference orders places by their first appearance among shuffled images, so large
places come early in every epoch (FIELD 1.10, row 9); here every place is equally likely at every position.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gsv_pipeline.places import epoch_length
from gsv_pipeline.places.dataset import Places

Ints = npt.NDArray[np.int64]
Sampling = Literal["within_city", "all_cities"]


@dataclass(frozen=True, slots=True)
class PlaceBatch:
    """One training batch.

    Args:
        rows: [P*K] image rows of `Places`, the K images of a place side by side.
        labels: [P*K] place labels; a mirrored place has the label of its place plus the number of places.
        mirrored: [P*K] whether the image is to be flipped left to right.
    """

    rows: Ints
    labels: Ints
    mirrored: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlaceSampler:
    """Draws the batches of an epoch.

    Args:
        places: What to draw from.
        places_per_batch: P.
        images_per_place: K, drawn without replacement.
        sampling: `within_city` keeps a batch inside one city where it can (more informative pairs, the reference's
            intent); `all_cities` mixes.
        mirrored_places: Adds the mirror image of every place as one more place.
        seed: Of the whole run.
    """

    places: Places
    places_per_batch: int
    images_per_place: int
    sampling: Sampling = "within_city"
    mirrored_places: bool = False
    seed: int = 1

    @property
    def num_labels(self) -> int:
        """Distinct labels in an epoch."""
        return epoch_length.num_labels(self.places.num_places, mirrored=self.mirrored_places)

    @property
    def batches_per_epoch(self) -> int:
        """Batches in every epoch; a last batch of a single place is dropped, since it holds no negative."""
        return epoch_length.batches_per_epoch(self.num_labels, self.places_per_batch)

    def epoch(self, epoch: int) -> list[PlaceBatch]:
        """All batches of `epoch` (0-based)."""
        generator = np.random.default_rng([self.seed, epoch])
        labels = self._ordered_labels(generator)
        size = self.places_per_batch
        groups = [labels[start : start + size] for start in range(0, len(labels), size)][: self.batches_per_epoch]
        if self.sampling == "within_city":
            groups = [groups[index] for index in generator.permutation(len(groups))]
        return [self._batch(group, generator) for group in groups]

    def _ordered_labels(self, generator: np.random.Generator) -> Ints:
        order = generator.permutation(self.num_labels)
        if self.sampling == "all_cities":
            return order
        city = self.places.cities[order % self.places.num_places]
        # Whole batches of each city first; what is left over fills mixed batches.
        rank = _rank_within(city)
        counts = np.bincount(city)
        whole = rank < (counts // self.places_per_batch * self.places_per_batch)[city]
        inside = order[whole][np.argsort(city[whole], kind="stable")]
        return np.concatenate([inside, order[~whole]])

    def _batch(self, labels: Ints, generator: np.random.Generator) -> PlaceBatch:
        places = labels % self.places.num_places
        drawn = draw_images(self.places.counts[places], images_per_place=self.images_per_place, generator=generator)
        rows = (self.places.offsets[places][:, None] + drawn).reshape(-1)  # [P*K]
        repeated = np.repeat(labels, self.images_per_place)
        return PlaceBatch(rows, repeated, repeated >= self.places.num_places)


def draw_images(counts: Ints, *, images_per_place: int, generator: np.random.Generator) -> Ints:
    """Draw K of each place's images without replacement, all places at once.

    Args:
        counts: [P] images of each place, each at least K.
        images_per_place: K.
        generator: Where chance comes from.

    Returns:
        [P, K] indices inside each place.
    """
    keys = generator.random((len(counts), int(counts.max())))
    keys[np.arange(keys.shape[1])[None, :] >= counts[:, None]] = 2.0  # beyond the place: never among the smallest
    return np.argsort(keys, axis=1)[:, :images_per_place].astype(np.int64)


def _rank_within(groups: Ints) -> Ints:
    """For each item, how many earlier items are of its group."""
    order = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(groups))[:-1]])
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - starts[groups[order]]
    return ranks
