"""Principal components of descriptors, with whitening: shorter descriptors, fitted on training images alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from gsv_pipeline.embeddings.blocks import blocks
from gsv_pipeline.errors import DataError

PCA_FILE: Final = "pca.npz"
LEAST_VARIANCE: Final = 1e-9
"""Of the largest: what varies less is rounding, and whitening would blow it up."""

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pca:
    """Principal components, the strongest first.

    Args:
        mean: [D].
        components: [K, D], orthonormal rows.
        variances: [K] of the descriptors along each of them.
        total_variance: Along all D.
    """

    mean: Float
    components: Float
    variances: Float
    total_variance: float

    @property
    def explained(self) -> npt.NDArray[np.float64]:
        """[K] share of the variance that the first components hold together."""
        return np.cumsum(self.variances, dtype=np.float64) / self.total_variance

    def reduce(self, descriptors: Float, dimensions: int, *, whiten: bool = True) -> Float:
        """Shorter descriptors, of unit length again.

        Args:
            descriptors: [N, D], in memory or mapped.
            dimensions: k, at most K.
            whiten: Divide by the deviation along each component, so that no few of them decide (Jégou and Chum 2012).

        Returns:
            [N, k] float32; zero where the descriptor is, that is for images that could not be read.

        Raises:
            DataError: Descriptors of another size, or more dimensions than there are.
        """
        if descriptors.shape[1] != len(self.mean) or not 1 <= dimensions <= len(self.components):
            raise DataError(
                f"These components take descriptors of {len(self.mean)} numbers to {len(self.components)} at most, and "
                f"were asked to take {descriptors.shape[1]} to {dimensions}. Fit them on the same model's descriptors."
            )
        scale = 1.0 / np.sqrt(self.variances[:dimensions]) if whiten else np.ones(dimensions, dtype=np.float32)
        turn = (self.components[:dimensions] * scale[:, None]).T.astype(np.float32)  # [D, k]
        reduced = np.empty((len(descriptors), dimensions), dtype=np.float32)
        for start, block in blocks(descriptors):
            found = (block - self.mean) @ turn
            found[~block.any(axis=1)] = 0.0
            reduced[start : start + len(block)] = found / np.maximum(
                np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny
            )
        return reduced


def fit_pca(descriptors: Float) -> Pca:
    """Principal components of [N, D] descriptors: as many as vary, at most N - 1 and D.

    Raises:
        DataError: Fewer than two descriptors, or all alike.
    """
    rows, size = descriptors.shape
    if rows < 2:
        raise DataError(f"Principal components need two descriptors at least, and there are {rows}.")
    mean = sum((block.sum(axis=0, dtype=np.float64) for _, block in blocks(descriptors)), np.zeros(size)) / rows
    # The smaller of two products has the same components.
    values, vectors = np.linalg.eigh(_scatter(descriptors, mean) if size <= rows else _gram(descriptors, mean))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    if values[0] <= 0:
        raise DataError(f"All {rows} descriptors are alike, so they have no principal components. Check the model.")
    kept = int(min((values > LEAST_VARIANCE * values[0]).sum(), rows - 1))
    components = vectors[:, :kept].T if size <= rows else _from_gram(descriptors, mean, vectors[:, :kept])
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    # Either direction is a component; the same one is taken everywhere.
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    components *= np.sign(largest)
    variances = values[:kept] / (rows - 1)
    total = float(values.sum() / (rows - 1))
    return Pca(mean.astype(np.float32), components.astype(np.float32), variances.astype(np.float32), total)


def save_pca(path: Path, pca: Pca) -> None:
    """Write `pca.npz`."""
    np.savez(
        path,
        mean=pca.mean,
        components=pca.components,
        variances=pca.variances,
        total_variance=np.float64(pca.total_variance),
    )


def load_pca(path: Path) -> Pca:
    """Read what `save_pca` wrote.

    Raises:
        DataError: Missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            values = dict(stored)
        return Pca(values["mean"], values["components"], values["variances"], float(values["total_variance"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(f"{path} holds no principal components ({error}). Fit them again with --force.") from error


def _scatter(descriptors: Float, mean: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[D, D]."""
    found = np.zeros((len(mean), len(mean)))
    for _, block in blocks(descriptors):
        centred = block - mean
        found += centred.T @ centred
    return found


def _gram(descriptors: Float, mean: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[N, N]."""
    centred = descriptors - mean
    found: npt.NDArray[np.float64] = centred @ centred.T
    return found


def _from_gram(
    descriptors: Float, mean: npt.NDArray[np.float64], vectors: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[K, D] in the directions of the components."""
    found: npt.NDArray[np.float64] = vectors.T @ (descriptors - mean)
    return found
