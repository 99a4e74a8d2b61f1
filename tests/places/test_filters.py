"""Each clause against a loop over plain rows, and what is drawn against what a draw promises."""

import math
import statistics
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.catalog.schema import COLUMNS as CATALOG_COLUMNS
from gsv_pipeline.config import PlacesFilter, load_experiment
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.geo import EARTH_RADIUS_M, distance_m
from gsv_pipeline.layout import Layout
from gsv_pipeline.places.filters import CLAUSES
from gsv_pipeline.places.select import select_places
from gsv_pipeline.places.separation import keep_apart
from tests.published import place_key

METRES_TO_DEGREES = 1 / 111_195.0
CITIES = ("London", "Melbourne", "PRS")
CORNERS = ((51.5, -0.1), (-37.8, 145.0), (0.0, 0.0), (10.0, 179.9999), (-0.0001, -179.9999), (64.0, -30.0))


def catalog_of(rows):
    table = pd.DataFrame(rows).assign(northdeg=0, panoid="p", width=400, height=300, bytes=9, content="c")
    return table[[column.name for column in CATALOG_COLUMNS]].astype({c.name: c.dtype for c in CATALOG_COLUMNS})


def random_catalog(seed, places=10):
    """Places of 1 to 8 images around corners of the globe; some images say neither date nor bearing."""
    generator = np.random.default_rng(seed)
    rows = []
    for place in range(places):
        city = CITIES[place % 3]
        lat, lon = CORNERS[generator.integers(len(CORNERS))]
        for image in range(generator.integers(1, 9)):
            metres = generator.normal(0, 15, 2)
            east = lon + metres[1] * METRES_TO_DEGREES / math.cos(math.radians(lat))
            rows.append(
                {
                    "image_id": f"Images/{city}/{place}_{image}.JPG",
                    "city": city,
                    "place_id": place_key(city, place),
                    "year": int(generator.choice([0, 2011, 2012, 2014, 2016, 2017])),
                    "month": int(generator.integers(0, 13)),
                    "bearing": float(generator.choice([np.nan, 0.0, 10.5, 45.0, 90.0, 200.0, 315.0, 359.5])),
                    "lat": lat + metres[0] * METRES_TO_DEGREES,
                    "lon": (east + 180) % 360 - 180,
                }
            )
    return catalog_of(rows)


def by_place(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["place_id"]].append(row)
    return groups


def near_median(rows, metres):
    """Medians by `statistics`, longitudes counted from 0 to 360 beside the date line."""
    kept = []
    for images in by_place(rows).values():
        beside = max(abs(row["lon"]) for row in images) > 179
        longitudes = [row["lon"] % 360 if beside else row["lon"] for row in images]
        middle = (statistics.median(row["lat"] for row in images), statistics.median(longitudes))
        kept += [row for row in images if distance_m(np.array([row["lat"], row["lon"]]), np.array(middle)) <= metres]
    return kept


SLOW = {
    "latitude": ((-10.0, 52.0), lambda rows: [row for row in rows if -10 <= row["lat"] <= 52]),
    "longitude": ((-40.0, 10.0), lambda rows: [row for row in rows if -40 <= row["lon"] <= 10]),
    "hemisphere": (("north", "west"), lambda rows: [row for row in rows if row["lat"] >= 0 and row["lon"] < 0]),
    "years": ((2012, 2016), lambda rows: [row for row in rows if row["year"] in range(2012, 2017)]),
    "months": ((6, 7), lambda rows: [row for row in rows if row["month"] == 6 or row["month"] == 7]),
    "season": (
        ("summer", "autumn"),
        lambda rows: [
            row for row in rows if row["month"] in ([6, 7, 8, 9, 10, 11] if row["lat"] >= 0 else [12, 1, 2, 3, 4, 5])
        ],
    ),
    "bearing": ((315.0, 45.0), lambda rows: [row for row in rows if row["bearing"] >= 315 or row["bearing"] <= 45]),
    "max_distance_m": (15.0, lambda rows: near_median(rows, 15.0)),
    "min_images_per_place": (
        4,
        lambda rows: [row for images in by_place(rows).values() if len(images) >= 4 for row in images],
    ),
}
DRAWN = {"max_images_per_place", "min_separation_m", "sample_places"}  # have tests of their own below


def kept_by_loop(rows, wanted):
    """Image ids that the slow clauses leave, applied in the order of SLOW."""
    for name in SLOW:
        rows = SLOW[name][1](rows) if name in wanted else rows
    return sorted(row["image_id"] for row in rows)


def select(catalog, **clauses):
    return select_places(catalog, **clauses)


def test_every_clause_has_an_oracle_in_the_order_of_the_clauses():
    assert [name for name in CLAUSES if name not in DRAWN] == list(SLOW)


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 10**6), wanted=st.sets(st.sampled_from(list(SLOW)), min_size=1))
def test_what_is_left_is_what_a_loop_over_rows_leaves(seed, wanted):
    catalog = random_catalog(seed)
    expected = kept_by_loop(catalog.to_dict("records"), wanted)
    clauses = {name: SLOW[name][0] for name in wanted}
    if not expected:
        with pytest.raises(DataError, match="^No place is left: '.*' removed the last"):
            select(catalog, **clauses)
        return
    table, steps = select(catalog, **clauses)
    assert sorted(table["image_id"]) == expected
    assert (steps[-1].images, steps[-1].places) == (len(expected), table["place_id"].nunique())
    for before, after in pairwise(steps):
        assert before.images - after.images == after.images_removed >= 0
        assert before.places - after.places == after.places_removed >= 0
    assert steps[0].images == len(catalog)
    assert len(steps) == 1 + len(clauses)


@pytest.mark.parametrize(
    ("clause", "value", "kept"),
    [
        ("longitude", (170.0, -170.0), [175.0, 180.0, -180.0, -170.0, 170.0]),
        ("longitude", (-170.0, 170.0), [-170.0, -20.0, 20.0, 170.0]),
        ("bearing", (350.0, 10.0), [0.0, 10.0, 350.0]),
        ("bearing", (10.0, 350.0), [10.0, 175.0, 350.0]),
        ("bearing", (0.0, 360.0), [0.0, 10.0, 175.0, 350.0]),
        ("bearing", (10.0, 10.0), [10.0]),
    ],
)
def test_ranges_go_over_the_seam_with_both_ends_in(clause, value, kept):
    column = "lon" if clause == "longitude" else "bearing"
    values = {
        "lon": [175.0, 180.0, -180.0, -170.0, -20.0, 20.0, 170.0],
        "bearing": [0.0, 10.0, 175.0, 350.0, np.nan],
    }[column]
    base = random_catalog(0).iloc[[0] * len(values)].reset_index(drop=True)
    catalog = base.assign(**{column: values, "image_id": [f"{number}.jpg" for number in range(len(values))]})
    table, _ = select(catalog.astype(base.dtypes.to_dict()), **{clause: value})
    assert sorted(table[column].tolist()) == sorted(kept)


@pytest.mark.parametrize(
    ("latitude", "season", "months"),
    [
        (51.0, "winter", [1, 2, 12]),
        (51.0, "summer", [6, 7, 8]),
        (-37.0, "winter", [6, 7, 8]),
        (-37.0, "summer", [1, 2, 12]),
        (-37.0, "autumn", [3, 4, 5]),
        (0.0, "spring", [3, 4, 5]),
    ],
)
def test_july_is_winter_in_melbourne(latitude, season, months):
    base = random_catalog(0).iloc[[0] * 13].reset_index(drop=True)
    catalog = base.assign(month=np.arange(13), lat=latitude, image_id=[f"{month}.jpg" for month in range(13)])
    table, clauses = select(catalog.astype(base.dtypes.to_dict()), season=(season,))
    assert sorted(table["month"].tolist()) == months  # month 0 is unknown and in no season
    assert clauses[-1].name == season


def crowded(count=9, places=6):
    return catalog_of(
        [
            {
                "image_id": f"Images/PRS/{place}_{image}.JPG",
                "city": "PRS",
                "place_id": place_key("PRS", place),
                "year": 2015,
                "month": 7,
                "bearing": 1.0,
                "lat": 48.0 + place / 100,
                "lon": 2.0,
            }
            for place in range(places)
            for image in range(count - place)
        ]
    )


def images_of(table):
    return table.groupby("place_id")["image_id"].apply(set).to_dict()


def test_surplus_images_are_drawn_and_small_places_stay_whole():
    catalog = crowded()
    table, clauses = select(catalog, max_images_per_place=6)
    everything, kept = images_of(catalog), images_of(table)
    assert [len(kept[place]) for place in sorted(kept)] == [6, 6, 6, 6, 5, 4]
    assert all(kept[place] <= everything[place] for place in kept)
    assert (clauses[-1].name, clauses[-1].images_removed, clauses[-1].places_removed) == ("at most 6 images", 6, 0)
    fewer = images_of(select(catalog, max_images_per_place=3)[0])
    assert all(fewer[place] < kept[place] for place in kept)  # a larger draw holds the smaller one
    first = {f"Images/PRS/0_{image}.JPG" for image in range(3)}
    assert any(fewer[place] != first for place in fewer)


@pytest.mark.parametrize("clauses", [{"max_images_per_place": 3}, {"sample_places": 3}, {"min_separation_m": 1500.0}])
def test_a_draw_depends_on_the_seed_and_not_on_the_order_of_rows(clauses):
    catalog = crowded()
    table, _ = select(catalog, **clauses)
    shuffled, _ = select(catalog.sample(frac=1, random_state=5), **clauses)
    pd.testing.assert_frame_equal(table, shuffled)
    seeds = {tuple(select(catalog, sample_seed=seed, **clauses)[0]["image_id"]) for seed in range(4)}
    assert len(seeds) == 1 if "min_separation_m" in clauses else len(seeds) > 2


def test_a_place_is_drawn_whatever_else_is_in_the_catalog():
    catalog = crowded(places=8)
    sample = set(select(catalog, sample_places=4)[0]["place_id"])
    larger = set(select(catalog, sample_places=5)[0]["place_id"])
    assert len(sample) == 4
    assert len(larger) == 5
    assert sample < larger
    without = catalog[catalog["place_id"].isin(sample) | (np.arange(len(catalog)) % 2 == 0)]
    assert set(select(without, sample_places=4)[0]["place_id"]) == sample


def siphash(key, data):
    """SipHash-2-4 as its authors define it (Aumasson and Bernstein 2012)."""
    mask = 2**64 - 1
    low, high = (int.from_bytes(key[half : half + 8], "little") for half in (0, 8))
    a, b, c, d = (
        word ^ constant
        for word, constant in zip(
            (low, high, low, high),
            (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573),
            strict=True,
        )
    )

    def turned(value, bits):
        return (value << bits | value >> (64 - bits)) & mask

    def rounds(a, b, c, d, count):
        for _ in range(count):
            a, c = (a + b) & mask, (c + d) & mask
            b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
            a, c = (turned(a, 32) + d) & mask, (c + b) & mask
            b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
            c = turned(c, 32)
        return a, b, c, d

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        a, b, c, d = rounds(a, b, c, d ^ word, 2)
        a ^= word
    return int(np.bitwise_xor.reduce(np.array(rounds(a, b, c ^ 0xFF, d, 4), dtype=np.uint64)))


def mixed(value):
    """The finish of splitmix64 (Steele et al. 2014)."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def test_the_sample_is_the_same_on_every_machine_and_in_every_release():
    catalog = crowded(places=9)
    catalog["place_id"] = catalog["place_id"].str.replace("PRS", "Zürich")
    assert siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5  # the authors' test vector
    key = b"0000000000000007"
    ranked = sorted(set(catalog["place_id"]), key=lambda place: mixed(siphash(key, place.encode())))
    for count in range(1, 9):
        table, _ = select(catalog, sample_places=count, sample_seed=7)
        assert sorted(set(table["place_id"])) == sorted(ranked[:count])


def test_a_sample_of_more_places_than_there_are_is_all_of_them():
    table, clauses = select(crowded(), sample_places=100)
    assert len(table) == len(crowded())
    assert clauses[-1].places_removed == 0


def test_every_place_is_drawn_equally_often():
    catalog = crowded(count=8, places=8)
    times = defaultdict(int)
    for seed in range(400):
        for place in set(select(catalog, sample_places=2, sample_seed=seed)[0]["place_id"]):
            times[place] += 1
    # 100 times each on average; the binomial scatter is 8.7.
    assert len(times) == 8
    assert all(60 < count < 140 for count in times.values())


def test_of_two_places_close_together_the_one_with_more_images_stays():
    catalog = crowded(count=6, places=3).assign(lat=lambda table: 48.0 + table["place_id"].str[-1].astype(int) * 0.0008)
    table, clauses = select(catalog, min_separation_m=100.0)  # 89 m apart in a row: the first and the last stay
    assert sorted(set(table["place_id"])) == ["PRS/0000000", "PRS/0000002"]
    assert (clauses[-1].name, clauses[-1].places_removed) == ("places 100 m apart", 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=4),
    st.integers(0, 10**6),
    st.sampled_from([0.3, 5.0, 100.0, 40_000.0, 30_000_000.0]),
)
def test_separation_is_that_of_comparing_all_pairs(centres, seed, metres):
    generator = np.random.default_rng(seed)
    scatter = generator.normal(0, min(metres, 10**6) * METRES_TO_DEGREES, (12 * len(centres), 2))
    latlon = np.clip(np.repeat(centres, 12, axis=0) + scatter, [-90, -np.inf], [90, np.inf])
    kept = []
    for row in range(len(latlon)):
        if all(distance_m(latlon[row], latlon[other]) >= min(metres, math.pi * EARTH_RADIUS_M) for other in kept):
            kept.append(row)
    assert np.flatnonzero(keep_apart(latlon, metres)).tolist() == kept


JULY = """
training: {}
places:
  hemisphere: north
  years: 2012-2016
  months: July
  min_images_per_place: 16
"""


def test_the_published_example_is_four_lines_from_yaml_to_places(tmp_path):
    """Places in the northern hemisphere, images of 2012-2016 taken in July, at least 16 images each."""
    rows = []
    for place, (city, lat, year, month, count) in enumerate(
        [
            ("London", 51.5, 2012, 7, 16),  # the only one that meets everything
            ("London", 51.6, 2016, 7, 15),  # one image short
            ("Melbourne", -37.8, 2014, 7, 20),
            ("PRS", 48.8, 2017, 7, 18),
            ("PRS", 48.9, 2014, 8, 18),
        ]
    ):
        rows += [
            {
                "image_id": f"Images/{city}/{place}_{image:02d}.JPG",
                "city": city,
                "place_id": place_key(city, place),
                "year": year,
                "month": month,
                "bearing": 0.0,
                "lat": lat,
                "lon": 0.0,
            }
            for image in range(count)
        ]
    layout = Layout(tmp_path / "data")
    layout.experiments().mkdir(parents=True)
    (layout.experiments() / "july.yaml").write_text(JULY, encoding="utf-8")
    places = load_experiment(layout, "july").places
    table, clauses = select_places(catalog_of(rows), **places.model_dump(), excluded=("Rome",))
    assert set(table["place_id"]) == {"London/0000000"}
    assert [(clause.name, clause.images, clause.places) for clause in clauses] == [
        ("catalog", 87, 5),
        ("hemisphere north", 67, 4),
        ("years 2012 to 2016", 49, 3),
        ("July", 31, 2),
        ("at least 16 images", 16, 1),
    ]


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        (
            {"years": (1999, 2001)},
            "'years 1999 to 2001' removed the last 3 places (12 images). They were taken in 2015.",
        ),
        ({"months": (1, 2, 3)}, "'January to March' removed the last 3 places (12 images). They were taken in July."),
        ({"season": ("winter",)}, "'winter' removed the last 3 places (12 images). They were taken in July."),
        (
            {"latitude": (-9.0, 9.0)},
            "'latitude -9 to 9' removed the last 3 places (12 images). Their latitudes are 48 to",
        ),
        ({"longitude": (5.0, -5.0)}, "'longitude 5 to -5 over the date line' removed the last 3 places"),
        ({"hemisphere": ("south", "east")}, "'hemisphere south and east' removed the last 3 places"),
        (
            {"bearing": (90.0, 180.0)},
            "'bearing 90° to 180°' removed the last 3 places (12 images). Their bearings are 1°.",
        ),
        (
            {"min_images_per_place": 7},
            "'at least 7 images' removed the last 3 places (12 images). The largest place has 5.",
        ),
        ({"years": (2015, 2015), "months": (8,)}, "'August' removed the last 3 places"),
    ],
)
def test_a_filter_that_leaves_nothing_names_its_last_clause_and_what_there_is(clauses, message):
    with pytest.raises(DataError) as caught:
        select(crowded(count=5, places=3), **clauses)
    assert str(caught.value).startswith(f"No place is left: {message}")
    assert str(caught.value).endswith(f"Change places.{list(clauses)[-1]}.")


def test_images_too_far_from_each_other_are_named_with_their_distance():
    catalog = crowded(count=2, places=1).assign(lat=[48.0, 48.001])
    with pytest.raises(DataError, match=r"'within 10 m of the place's median' .* They are 55\.\d+ m from it"):
        select(catalog, max_distance_m=10.0)


def test_images_without_a_date_or_bearing_are_told_apart_from_others():
    catalog = crowded(count=2, places=1).assign(year=0, month=0, bearing=np.nan)
    with pytest.raises(DataError, match=r"They were taken in unknown\."):
        select(catalog, years=(1, 3000))
    with pytest.raises(DataError, match=r"They were taken in unknown months\."):
        select(catalog, season=("winter", "spring", "summer", "autumn"))
    with pytest.raises(DataError, match=r"Their bearings are unknown\."):
        select(catalog, bearing=(0.0, 360.0))


def test_a_clause_that_is_none_says_nothing_and_an_unknown_one_is_refused():
    table, clauses = select(crowded(), **PlacesFilter(min_images_per_place=2).model_dump())
    assert len(table) == len(crowded())
    assert [clause.name for clause in clauses] == ["catalog", "at least 2 images"]
    with pytest.raises(ConfigError, match="Unknown clause of a filter 'month'. Did you mean 'months'"):
        select(crowded(), month=(7,))


def test_an_image_without_coordinates_is_in_no_season_and_keeps_no_distance():
    latlon = np.array([[np.nan, np.nan], [51.0, 4.0], [51.0, 4.0001], [51.5, np.nan]])
    assert keep_apart(latlon, 100.0).tolist() == [False, True, False, False]
    catalog = pd.DataFrame(
        {
            "place_id": [place_key("Rome", place) for place in (0, 0, 1, 1)],
            "city": "Rome",
            "image_id": ["a", "b", "c", "d"],
            "year": 2015,
            "month": 7,
            "bearing": 0.0,
            "lat": [np.nan, np.nan, 41.0, 41.0],
            "lon": [np.nan, np.nan, 12.0, 12.0],
            "content": "x",
        }
    )
    kept, _ = select_places(catalog, season=("summer",), min_images_per_place=2)
    assert kept["image_id"].tolist() == ["c", "d"]
    with pytest.raises(DataError, match="No place is left"):
        select_places(catalog, season=("winter",), min_images_per_place=2)
