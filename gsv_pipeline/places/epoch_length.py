"""How many batches an epoch has; known without reading a place."""


def num_labels(places: int, *, mirrored: bool) -> int:
    """Distinct labels in an epoch: the mirror image of a place is one more place."""
    return places * (2 if mirrored else 1)


def batches_per_epoch(labels: int, places_per_batch: int) -> int:
    """Batches in every epoch; a last batch of a single place is dropped, since it holds no negative."""
    full, rest = divmod(labels, places_per_batch)
    return full + (rest > 1)
