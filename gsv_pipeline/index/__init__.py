"""Descriptors -> neighbours, and the table of indexes: an exact one, and those for deployment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

VERSION: Final = 2
FLAT: Final = "flat"


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One kind of FAISS index.

    Args:
        description: What it is good for, in one sentence.
        build: `"module:function"` of [N, D] descriptors, or an iterator over blocks of them, and `arguments`.
        arguments: Of `build`.
        settings: What may be chosen at search time, from the quickest to the most exact; one of them is the default.
        default: Which one that is.
    """

    description: str
    build: str
    arguments: Mapping[str, int] = field(default_factory=dict)
    settings: tuple[Mapping[str, float], ...] = ({},)
    default: int = 0


_EF: Final = tuple({"efSearch": float(ef)} for ef in (16, 32, 64, 128, 256, 512))
_PROBES: Final = tuple({"nprobe": float(probes)} for probes in (1, 2, 4, 8, 16, 32, 64))
_REFINED: Final = tuple({"k_factor": float(factor)} for factor in (1, 2, 4, 8, 16))

INDEXES: Final[Mapping[str, IndexRow]] = {
    FLAT: IndexRow(
        "Every vector, compared with every query: exact, and what benchmarks use.", "gsv_pipeline.index.flat:build_flat"
    ),
    "hnsw_sq8": IndexRow(
        "A graph over vectors of 8 bits a number: a quarter of the memory, and the quickest for single queries.",
        "gsv_pipeline.index.approximate:build_hnsw_sq8",
        {"links": 32, "build_effort": 200},
        _EF,
        3,
    ),
    "ivf_flat": IndexRow(
        "Vectors in full, sorted into cells of which a few are looked at: as large as flat, and quicker.",
        "gsv_pipeline.index.approximate:build_ivf_flat",
        {},
        _PROBES,
        4,
    ),
    "ivf_pq": IndexRow(
        "The same cells over product quantised vectors, 32 times smaller: for databases that fit no other way.",
        "gsv_pipeline.index.approximate:build_ivf_pq",
        {"numbers_per_byte": 8},
        _PROBES,
        4,
    ),
    "rabitq": IndexRow(
        "One bit a number finds candidates, which 8 bits a number put in order: small, and nearly exact.",
        "gsv_pipeline.index.approximate:build_rabitq",
        {},
        _REFINED,
        3,
    ),
}
