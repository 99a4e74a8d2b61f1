"""Principal components of an experiment's descriptors, fitted on its training images, and what they cost in recall."""

import functools
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.compose.extraction import describe_files
from gsv_pipeline.compose.models import load_model
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.evaluation import DEPTH
from gsv_pipeline.evaluation.by_dimension import Reduced
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import fingerprint
from gsv_pipeline.production import Output
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from gsv_pipeline.embeddings.pca import Pca

SMALLEST: Final = 32
SAMPLE_SEED: Final = 0


def write_pca(layout: Layout, experiment: Experiment, *, target: Path, sample: int, tracker: Tracker) -> Output:
    """Describe a sample of the training images, one of each place first, and fit components to them.

    Raises:
        DataError: An image that cannot be read.
    """
    from gsv_pipeline.embeddings.pca import PCA_FILE, fit_pca, save_pca
    from gsv_pipeline.embeddings.store import load_descriptors
    from gsv_pipeline.places.dataset import load_places
    from gsv_pipeline.places.select import PLACES_FILE

    root = image_root(layout.dataset(experiment.dataset))
    places = load_places(layout.places(experiment.name) / PLACES_FILE, image_root=root)
    recipe = recipes.pca(layout, experiment, sample=sample)
    work = describe_files(
        [places.paths[row] for row in sample_rows(places.offsets, sample)],
        name="sample",
        model=functools.cache(lambda: load_model(layout, experiment)),
        image=experiment.described_image,
        folder=layout.extraction(recipe.path) / fingerprint(layout, recipe),
        options=ExtractionOptions(),
        tracker=tracker,
        description=f"Describing training images of {experiment.name}",
    )
    tracker.message(f"Fitting principal components to {work.rows:,} descriptors")
    pca = fit_pca(load_descriptors(work.path))
    save_pca(target / PCA_FILE, pca)
    half = int((pca.explained < 0.5).sum()) + 1
    return Output({"images": work.rows, "components": len(pca.components), "components_for_half_the_variance": half})


def sample_rows(offsets: "npt.NDArray[np.int64]", sample: int) -> "npt.NDArray[np.int64]":
    """Rows of `sample` images, sorted: one of as many places as there are, then more of them.

    Args:
        offsets: [places + 1] where each place's images begin.
        sample: How many; all of them where there are fewer.
    """
    import numpy as np

    generator = np.random.default_rng(SAMPLE_SEED)
    mixed = np.concatenate([start + generator.permutation(stop - start) for start, stop in pairwise(offsets)])
    turn = np.concatenate([np.arange(count) for count in np.diff(offsets)])
    order = np.lexsort((generator.permutation(len(mixed)), turn))  # first every place's first, in any order
    rows: npt.NDArray[np.int64] = np.sort(mixed[order[:sample]])
    return rows


def refuse_without_training(experiment: Experiment) -> None:
    """Components are fitted on training images.

    Raises:
        ConfigError: The experiment is not trained here, so it has none.
    """
    if experiment.training is None:
        raise ConfigError(
            f"Experiment '{experiment.name}' is not trained here, so there are no training images to fit principal "
            "components on; fitting them on a benchmark would be training on the test. Name an experiment that trains."
        )


def measure_pca(layout: Layout, experiment: Experiment, benchmark: str, *, tracker: Tracker) -> list[Reduced]:
    """Recall of descriptors as they are and at every power of two below, with and without whitening."""
    from gsv_pipeline.benchmarks.seen import benchmark_of
    from gsv_pipeline.embeddings.pca import PCA_FILE, load_pca
    from gsv_pipeline.embeddings.store import DATABASE_FILE, QUERIES_FILE, load_descriptors, missing_rows
    from gsv_pipeline.evaluation.intervals import recall_interval
    from gsv_pipeline.evaluation.recall import KS, first_hits
    from gsv_pipeline.index.search import exact_search

    pca = load_pca(layout.pca(experiment.name) / PCA_FILE)
    folder = layout.embeddings(benchmark, experiment.name)
    database, queries = (load_descriptors(folder / file) for file in (DATABASE_FILE, QUERIES_FILE))
    missing, data = missing_rows(folder, "database"), benchmark_of(layout, experiment, benchmark)
    places = data.queries["place_id"].tolist()

    def recall(some: Any, wanted: Any) -> "tuple[dict[int, float], dict[int, tuple[float, float]]]":
        predictions, _ = exact_search(some, wanted, DEPTH, missing=missing)
        ranks, depth = first_hits(predictions, data.positives), predictions.shape[1]
        hits = {k: ranks < min(k, depth) for k in KS}
        return {k: float(hit.mean()) for k, hit in hits.items()}, {k: recall_interval(hits[k], places) for k in KS}

    found = [Reduced(database.shape[1], None, 1.0, *recall(database, queries))]
    sizes = dimensions_of(pca)
    with tracker.progress(f"Recall on {benchmark} by dimension", total=2 * len(sizes), unit="size") as bar:
        for size in sizes:
            for whiten in (True, False):
                sides = (pca.reduce(side, size, whiten=whiten) for side in (database, queries))
                found.append(Reduced(size, whiten, float(pca.explained[size - 1]), *recall(*sides)))
                bar.advance()
    return found


def dimensions_of(pca: "Pca") -> list[int]:
    """Powers of two from `SMALLEST` to the number of components, and that number; descending."""
    most = len(pca.components)
    powers = [1 << bit for bit in range(SMALLEST.bit_length() - 1, most.bit_length()) if 1 << bit < most]
    return [most, *powers[::-1]]


def recall_by_size(measured: "Sequence[Reduced]") -> dict[str, float]:
    """`{"256-D as they are": 0.82, "128-D whitened": 0.76, ...}`."""
    return {f"{item.dimensions}-D {item.manner}": round(item.recall_at[1], 4) for item in measured}
