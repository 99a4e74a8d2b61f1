"""One comparison of methods: the table in the repository of ImAge (NeurIPS 2025), R@1 / R@5 / R@10 in percent.

Its MSLS-val has 740 queries, its Nordland is that of 27,592 images on either side and ±10 frames.
"""

from collections.abc import Mapping
from typing import Final

from gsv_pipeline.benchmarks.published.results import IMAGE_TABLE, result
from gsv_pipeline.benchmarks.rows import Result

SETS: Final = ("pitts30k_test", "msls_val", "msls_challenge", "tokyo247", "nordland_wide")

# Batch: the method looks at the other images of a test batch, so its descriptors are no function of the image alone.
_BATCH: Final = "uses its test batch"
_RERANKED: Final = "re-ranked"
_TABLE: Final[Mapping[tuple[str, int | None], tuple[str, ...]]] = {
    ("NetVLAD", 32768): ("81.9/91.2/93.7", "53.1/66.5/71.1", "35.1/47.4/51.7", "60.6/68.9/74.6", "6.4/10.1/12.5"),
    ("SFRS", 4096): ("89.4/94.7/95.9", "69.2/80.3/83.1", "41.6/52.0/56.3", "81.0/88.3/92.4", "16.1/23.9/28.4"),
    (f"TransVPR ({_RERANKED})", None): (
        "89.0/94.9/96.2", "86.8/91.2/92.4", "63.9/74.0/77.5", "79.0/82.2/85.1", "63.5/68.5/70.2",
    ),
    ("CosPlace", 512): ("88.4/94.5/95.7", "82.8/89.7/92.0", "61.4/72.0/76.6", "81.9/90.2/92.7", "58.5/73.7/79.4"),
    ("MixVPR", 4096): ("91.5/95.5/96.3", "88.0/92.7/94.6", "64.0/75.9/80.6", "85.1/91.7/94.3", "76.2/86.9/90.3"),
    ("EigenPlaces", 2048): ("92.5/96.8/97.6", "89.1/93.8/95.0", "67.4/77.1/81.7", "93.0/96.2/97.5", "71.2/83.8/88.1"),
    (f"SelaVPR ({_RERANKED})", None): (
        "92.8/96.8/97.7", "90.8/96.4/97.2", "73.5/87.5/90.6", "94.0/96.8/97.5", "87.3/93.8/95.6",
    ),
    (f"CricaVPR ({_BATCH})", 4096): (
        "94.9/97.3/98.2", "90.0/95.4/96.4", "69.0/82.1/85.7", "93.0/97.5/98.1", "90.7/96.3/97.6",
    ),
    (f"SuperVLAD ({_BATCH})", 3072): (
        "95.0/97.4/98.2", "92.2/96.6/97.4", "75.3/86.8/89.9", "95.2/97.8/98.1", "91.0/96.4/97.7",
    ),
    ("SALAD, DINOv2", 8448): ("92.5/96.4/97.5", "92.2/96.4/97.0", "75.0/88.8/91.3", "94.6/97.5/97.8", "89.7/95.5/97.0"),
    ("SALAD + CliqueMining", 8448): (
        "92.7/96.8/97.9", "94.2/97.2/97.4", "82.7/91.2/92.7", "96.8/97.5/97.8", "96.0/98.5/99.2",
    ),
    ("BoQ, DINOv2", 12288): ("93.7/97.1/97.9", "93.8/96.8/97.0", "79.0/90.3/92.0", "96.5/97.8/98.4", "90.6/96.0/97.5"),
    ("EDTformer", 4096): ("93.4/97.0/97.9", "92.0/96.6/97.2", "78.4/89.8/91.9", "97.1/98.1/98.4", "88.3/95.3/97.0"),
    ("ImAge (trained on several sets)", 6144): (
        "94.1/97.3/98.1", "94.5/97.3/98.0", "84.5/93.8/95.4", "97.1/98.1/98.4", "97.7/99.3/99.6",
    ),
}  # fmt: skip


def compared(benchmark: str) -> tuple[Result, ...]:
    """The column of one of SETS."""
    column = SETS.index(benchmark)
    return tuple(
        result(model, dimensions, *map(float, cells[column].split("/")), source=IMAGE_TABLE)
        for (model, dimensions), cells in _TABLE.items()
    )
