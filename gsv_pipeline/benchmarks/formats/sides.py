"""One side of a benchmark as a table: what its file names say, which may be nothing."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from gsv_pipeline.benchmarks.ground_truth import Float
from gsv_pipeline.benchmarks.plane import check_zones, in_zone
from gsv_pipeline.errors import DataError
from gsv_pipeline.images import SUFFIXES
from gsv_pipeline.sources.published import parse_name
from gsv_pipeline.sources.utm_names import FORM, parse_utm_name

DATABASE_NAMES: Final = ("database", "gallery")
_NOTE: Final = 14  # field of a name that says "night_forward_cph", for example
_CROP: Final = re.compile(r"(.+)_pitch\d+_yaw\d+")  # of a panorama of Pittsburgh
_SEQUENCE: Final = re.compile(r"(?:train_val|test)/(\w+)/(?:query|database)/images/(.+)")  # as MSLS is unpacked
_SHOWN: Final = 3


def image_names(folder: Path) -> list[str]:
    """Images below `folder`, relative to it and sorted; those that `<folder>_images_paths.txt` lists, if it is there.

    Raises:
        DataError: No image, or a list that leads out of the folder.
    """
    listed = folder.with_name(f"{folder.name}_images_paths.txt")
    if listed.is_file():
        names = [line for line in listed.read_text(encoding="utf-8").splitlines() if line]
        astray = [name for name in names if name.startswith("/") or ".." in Path(name).parts]
        if astray:
            raise DataError(f"{listed} names {astray[0]!r}, which leads out of {folder}.")
    else:
        names = sorted(_below(folder))
    if not names:
        raise DataError(f"No image in {folder}. Expected files that end in {', '.join(SUFFIXES)}.")
    return names


def _below(folder: Path) -> list[str]:
    found = []
    for current, folders, files in os.walk(folder):  # 2.8 million paths need not be objects
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(current).relative_to(folder).as_posix()
        start = "" if inner == "." else f"{inner}/"
        found += [f"{start}{name}" for name in files if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return found


def side_table(names: Sequence[str], *, inside: str = "", condition: str = "") -> pd.DataFrame:
    """COLUMNS of `BenchmarkData` as far as names tell, and OPTIONAL ones where all names tell; `content` is empty.

    Args:
        names: Relative to `inside`.
        inside: Where they are, relative to the folder that image ids are relative to.
        condition: Of all of them.
    """
    rows = [_facts(name) for name in names]
    table = pd.DataFrame(rows, columns=["place_id", "year", "month", "bearing", "lat", "lon", "east", "north", "note"])
    table.insert(0, "image_id", [f"{inside}/{name}" if inside else name for name in names])
    table["content"] = ""
    if condition:
        table["condition"] = condition
    elif (table["note"] != "").any():
        table["condition"] = table["note"]
    unused = ["note", *(["east", "north"] if table[["east", "north"]].isna().to_numpy().any() else [])]
    return table.drop(columns=unused)


def metres_of(names: Sequence[str], *, folder: Path, side: str) -> Float:
    """[N, 2] east and north of names that must hold them.

    Raises:
        DataError: Counts those without coordinates, or with others than their zone has, and shows the first ones.
    """
    parsed = [parse_utm_name(name.rpartition("/")[2]) for name in names]
    without = [name for name, found in zip(names, parsed, strict=True) if found is None]
    if without:
        raise DataError(
            f"{len(without):,} of {len(names):,} names in {folder} hold no coordinates: {', '.join(without[:_SHOWN])}. "
            f"Expected {FORM}."
        )
    known = [found for found in parsed if found is not None]
    check_zones(known, side=side, names={side: names})
    return np.array([(found.east, found.north) for found in known], dtype=np.float64)


def _facts(path: str) -> tuple[Any, ...]:
    """place_id, year, month, bearing, lat, lon, east, north and note; the file's own path is a place without others."""
    name = path.rpartition("/")[2]
    stem = path.rpartition(".")[0]
    utm = parse_utm_name(name) if name.startswith("@") else None
    if utm is not None:
        fields = name.split("@")
        note = fields[_NOTE].strip() if len(fields) > _NOTE + 1 else ""
        place = f"E{utm.east:.2f}N{utm.north:.2f}"
        metres = (utm.east, utm.north) if in_zone(utm) else (math.nan, math.nan)
        return place, utm.year, utm.month, utm.heading, utm.lat, utm.lon, *metres, note
    published = parse_name(name.rpartition(".")[0])
    unknown = (math.nan, math.nan)
    if published is not None:
        place, bearing = f"{published.city}/{published.place:07d}", float(published.northdeg % 360)
        return place, published.year, published.month, bearing, published.lat, published.lon, *unknown, ""
    crop, sequence = _CROP.fullmatch(stem), _SEQUENCE.fullmatch(stem)
    place = crop[1] if crop else f"{sequence[1]}/{sequence[2]}" if sequence else stem
    return place, 0, 0, math.nan, *unknown, *unknown, ""
