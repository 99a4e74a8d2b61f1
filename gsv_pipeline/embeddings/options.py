"""How descriptors are made: what a person may choose, and nothing of what is described."""

from dataclasses import dataclass, field

from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.shards import Shard


@dataclass(frozen=True, slots=True)
class ExtractionOptions:
    """How to describe images.

    Args:
        precision: "32-true", "bf16-mixed", "16-mixed", or "auto" for what the hardware is fast in. Shapes the output.
        skip_broken: Go on over images that cannot be read, and say which they were.
        batch_size: Images at once; None: for the device.
        compiled: torch.compile the model; None: on a GPU, where there are enough images to pay for it.
        shard: Which of several processes this is.
    """

    precision: str = PRECISION
    skip_broken: bool = False
    batch_size: int | None = None
    compiled: bool | None = None
    shard: Shard = field(default_factory=Shard)
