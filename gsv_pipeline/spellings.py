"""What people may write in the clauses of a filter, and the one value that each spelling becomes. No YAML here."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from gsv_pipeline.registry import unknown_name

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
HEMISPHERES: Final = ("north", "south", "east", "west")
SEASONS: Final = ("winter", "spring", "summer", "autumn")
_OPPOSITES: Final = ({"north", "south"}, {"east", "west"})


def _listed(value: Any) -> list[Any]:
    """One thing or several: `a`, `[a, b]` or `a, b`."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return list(value) if isinstance(value, list | tuple) else [value]


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _some(value: Any) -> list[Any]:
    if not (found := _listed(value)):
        raise ValueError("found an empty list, which no image can meet: name something, or leave the setting out")
    return found


def _among(kind: str, known: Sequence[str], value: Any) -> tuple[str, ...]:
    """Names out of `known`, in its order."""
    found = [str(item).lower() for item in _some(value)]
    for name in found:
        if name not in known:
            raise ValueError(unknown_name(kind, name, known))
    return tuple(name for name in known if name in found)


def _hemispheres(value: Any) -> tuple[str, ...]:
    found = _among("hemisphere", HEMISPHERES, value)
    for pair in _OPPOSITES:
        if pair <= set(found):
            raise ValueError(f"no place is in both {' and '.join(sorted(pair))}: name one of them")
    return found


def _seasons(value: Any) -> tuple[str, ...]:
    return _among("season", SEASONS, ["autumn" if str(item).lower() == "fall" else item for item in _some(value)])


def _years(value: Any) -> tuple[int, int]:
    parts = re.split(r"–|-|\.\.|,", value) if isinstance(value, str) else _listed(value)
    years = [int(part) for part in parts if str(part).strip().isdecimal()]
    if not (len(parts) == len(years) in (1, 2) and 1 <= years[0] <= years[-1] <= 9999):
        raise ValueError(f"expected a year, [from, to] or 2012-2016 with the earlier one first, found {value!r}")
    return years[0], years[-1]


def _months(value: Any) -> tuple[int, ...]:
    return tuple(sorted({month for item in _some(value) for month in _month_or_span(item)}))


def _month_or_span(value: Any) -> list[int]:
    """`7`, `july`, or a span such as `june-august`, which may go over the year's end."""
    first, separator, last = str(value).replace("–", "-").replace("..", "-").partition("-")
    if not separator:
        return [_month(value)]
    start, end = _month(first), _month(last)
    return [(start - 1 + step) % len(MONTHS) + 1 for step in range((end - start) % len(MONTHS) + 1)]


def _month(value: Any) -> int:
    text = str(value).strip().lower()
    named = [number for number, name in enumerate(MONTHS, 1) if len(text) >= 3 and name.lower().startswith(text)]
    number = int(text) if text.isdecimal() else sum(named)  # three letters name one month at most
    if not 1 <= number <= len(MONTHS):
        raise ValueError(f"expected months as numbers from 1 to 12 or English names, found {value!r}")
    return number


def _pair(value: Any) -> Any:
    """Two numbers: `[40, 60]`, `40, 60`, `40..60`, or `40-60` where none is negative."""
    found = value
    if isinstance(value, str):
        separator = next((mark for mark in (",", "..", "–") if mark in value), "-")
        found = [part.strip() for part in value.split(separator)]
    if not isinstance(found, list | tuple) or len(found) != 2:
        raise ValueError(f"expected two numbers such as [40, 60] or 40..60, found {value!r}")
    return found


def _latitudes(value: tuple[float, float]) -> tuple[float, float]:
    if not -90 <= value[0] <= value[1] <= 90:
        raise ValueError(f"expected [south, north] within -90 to 90, the smaller one first, found {list(value)}")
    return value


def _longitudes(value: tuple[float, float]) -> tuple[float, float]:
    if not all(-180 <= degrees <= 180 for degrees in value):
        raise ValueError(f"expected [west, east] within -180 to 180, found {list(value)}")
    return value


def _bearings(value: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= degrees <= 360 for degrees in value):
        raise ValueError(
            f"expected [from, to] within 0 to 360, [315, 45] for the sector over north, found {list(value)}"
        )
    return value


Cities = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_in_order)]
Pair = Annotated[tuple[float, float], BeforeValidator(_pair)]
Latitudes = Annotated[Pair, AfterValidator(_latitudes)]
Longitudes = Annotated[Pair, AfterValidator(_longitudes)]
Bearings = Annotated[Pair, AfterValidator(_bearings)]
Hemispheres = Annotated[tuple[str, ...], BeforeValidator(_hemispheres)]
Seasons = Annotated[tuple[str, ...], BeforeValidator(_seasons)]
Years = Annotated[tuple[int, int], BeforeValidator(_years)]
Months = Annotated[tuple[int, ...], BeforeValidator(_months)]
Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
