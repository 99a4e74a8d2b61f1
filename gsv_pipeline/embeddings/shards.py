"""Which share of the images a process describes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several processes that describe the same images, on one machine or several.

    Args:
        rank: Its number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def share(self, num_batches: int) -> range:
        """The batches of this process: a stretch of all of them; shares differ by one batch at most."""
        return range(num_batches * self.rank // self.size, num_batches * (self.rank + 1) // self.size)
