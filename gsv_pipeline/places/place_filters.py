"""Clauses that look at a place as a whole: its images' distance and number, its neighbours, and the sample.

What is drawn is drawn by a keyed hash of the image's or place's own name: the same seed draws the same whatever else is
in the catalog and in whatever order, and a larger draw holds the smaller one.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from gsv_pipeline.geo import distance_m
from gsv_pipeline.places.rows import Condition, Mask, Rows, span
from gsv_pipeline.places.separation import keep_apart

Float = npt.NDArray[np.float64]


def near_the_median(metres: float) -> Condition:
    """Images at most so far from the median position of what their place has left."""
    return Condition(
        "max_distance_m",
        f"within {metres:g} m of the place's median",
        lambda rows: _distances(rows) <= metres,
        lambda rows: f"They are {span(_distances(rows), ' m')} from it.",
    )


def at_most_images(most: int) -> Condition:
    """Of a place with more images, so many are drawn."""

    def keep(rows: Rows) -> Mask:
        kept = np.ones(len(rows), dtype=np.bool_)
        crowded = rows.sizes > most
        kept[crowded] = _first_of_each(rows.where(crowded), most)
        return kept

    return Condition("max_images_per_place", f"at most {most} images", keep, lambda _: "")


def at_least_images(fewest: int) -> Condition:
    """Places with so many images left, or more."""
    return Condition(
        "min_images_per_place",
        f"at least {fewest} images",
        lambda rows: rows.sizes >= fewest,
        lambda rows: f"The largest place has {rows.sizes.max(initial=0)}.",
    )


def apart(metres: float) -> Condition:
    """Of two places that are closer together the one with more images stays, of equals the first by place id."""

    def keep(rows: Rows) -> Mask:
        _, first, group, sizes = np.unique(rows.place, return_index=True, return_inverse=True, return_counts=True)
        priority = np.argsort(-sizes, kind="stable")
        kept = np.empty(len(sizes), dtype=np.bool_)
        kept[priority] = keep_apart(_medians(rows)[first][priority], metres)
        return kept[group]

    return Condition("min_separation_m", f"places {metres:g} m apart", keep, lambda _: "")


def sampled(count: int) -> Condition:
    """So many places, or all where there are fewer."""

    def keep(rows: Rows) -> Mask:
        places, first = np.unique(rows.place, return_index=True)
        ids = rows.catalog["place_id"].take(rows.index[first])
        drawn = places[np.argsort(_draws(ids, rows.seed), kind="stable")[:count]]
        return np.isin(rows.place, drawn)

    return Condition("sample_places", f"a sample of {count} places", keep, lambda _: "")


def _draws(names: pd.Series, seed: int) -> npt.NDArray[np.uint64]:
    """[n] SipHash-2-4 of each name, keyed with the seed and mixed once more, as pandas hashes text."""
    return pd.util.hash_array(names.to_numpy(object), hash_key=f"{seed:016d}", categorize=False)


def _first_of_each(rows: Rows, most: int) -> Mask:
    """[n] the `most` images of each place with the smallest draws."""
    draws = _draws(rows.catalog["image_id"].take(rows.index), rows.seed)
    order = np.argsort(draws)
    ranks = pd.Series(order).groupby(rows.place[order], sort=False).cumcount().to_numpy()
    kept = np.empty(len(rows), dtype=np.bool_)
    kept[order] = ranks < most
    return kept


def _distances(rows: Rows) -> Float:
    position = np.stack([rows.column("lat"), rows.column("lon")], axis=1)
    return distance_m(position, _medians(rows))


def _medians(rows: Rows) -> Float:
    """[n, 2] median latitude and longitude of each image's place, each axis by itself."""
    place, lon = rows.place, rows.column("lon")
    # Measured from the place's westernmost number: beside the date line the plain ones are 360 degrees apart.
    origin = pd.Series(lon).groupby(place).transform("min").to_numpy()
    frame = pd.DataFrame({"lat": rows.column("lat"), "lon": (lon - origin + 180.0) % 360.0 - 180.0})
    medians: Float = frame.groupby(place).transform("median").to_numpy(np.float64, copy=True)
    medians[:, 1] += origin
    return medians
