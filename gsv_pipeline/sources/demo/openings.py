"""Where the windows, doors and shop windows of a house front are."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opening:
    """A window, door or shop window: lower left corner and size in metres."""

    kind: str
    left: float
    bottom: float
    width: float
    height: float
    floor: int


def lay_out_openings(
    rng: random.Random, width: float, *, ground_height: float, floor_height: float, floors: int, has_shop: bool
) -> tuple[Opening, ...]:
    """Windows in columns, a door in one of them and, beside it, shop windows or windows.

    Args:
        rng: Decides the columns and the windows' size.
        width: Of the front, metres.
        ground_height: Of the ground floor, metres.
        floor_height: Of each storey above, metres.
        floors: Storeys above the ground floor.
        has_shop: A shop on the ground floor.
    """
    columns = max(2, round(width / rng.uniform(1.8, 3.2)))
    pitch = width / columns
    pane_width, pane_height = min(pitch * 0.72, rng.uniform(0.95, 1.6)), floor_height * rng.uniform(0.48, 0.66)
    skipped = rng.randrange(columns) if columns > 2 and rng.random() < 0.25 else -1
    found = [
        Opening(
            "window",
            (column + 0.5) * pitch - pane_width / 2,
            ground_height + (floor - 1) * floor_height + 0.75,
            pane_width,
            pane_height,
            floor,
        )
        for floor in range(1, floors + 1)
        for column in range(columns)
        if column != skipped
    ]
    door = rng.randrange(columns)
    door_width = min(1.15, pitch * 0.7)
    found.append(
        Opening("door", (door + 0.5) * pitch - door_width / 2, 0.12, door_width, min(2.6, ground_height - 0.8), 0)
    )
    free = [column for column in range(columns) if column != door]
    if has_shop:
        return (*found, *_shop_windows(free, pitch, ground_height))
    low = [
        Opening("window", (column + 0.5) * pitch - pane_width / 2, 1.1, pane_width, ground_height - 2.0, 0)
        for column in free
    ]
    return (*found, *low)


def _shop_windows(free: list[int], pitch: float, ground_height: float) -> list[Opening]:
    """One wide shop window for each run of columns beside the door."""
    runs: list[list[int]] = []
    for column in free:
        if runs and column == runs[-1][-1] + 1:
            runs[-1].append(column)
        else:
            runs.append([column])
    return [Opening("shop", run[0] * pitch + 0.3, 0.45, len(run) * pitch - 0.6, ground_height - 1.5, 0) for run in runs]
