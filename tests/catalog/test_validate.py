"""Rules over rows and over the finished catalog, against plain loops and by hand."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.catalog import schema, separation
from gsv_pipeline.catalog.headers import quick_look
from gsv_pipeline.catalog.report import RULES, Findings, ValidationReport
from gsv_pipeline.catalog.validate import Published, row_problems, table_findings
from gsv_pipeline.errors import DataError
from tests.published import METRES_TO_DEGREES, place_key, save_photo

SOUND_ROW = {
    "city": "A", "place": "0000001", "year": 2015, "month": 6, "northdeg": 90.0, "lat": 51.0, "lon": 2.0, "panoid": "p",
    "problem": "", "detail": "",
}  # fmt: skip


def rows_of(*changes):
    return pd.DataFrame([{**SOUND_ROW, "panoid": f"p{number}", **change} for number, change in enumerate(changes)])


def problems(table, *, coordinates_expected=True, dates_expected=True):
    found, detail = row_problems(table, coordinates_expected=coordinates_expected, dates_expected=dates_expected)
    assert found.dtype == detail.dtype == object
    return list(zip(found, detail, strict=True))


@pytest.mark.parametrize(
    ("change", "rule", "detail"),
    [
        ({"lat": math.nan}, "coordinates_missing", "lat nan, lon 2.0"),
        ({"lon": math.nan}, "coordinates_missing", "lat 51.0, lon nan"),
        ({"lat": 90.5}, "coordinates_out_of_range", "lat 90.5, lon 2.0"),
        ({"lon": -180.01}, "coordinates_out_of_range", "lat 51.0, lon -180.01"),
        ({"lon": math.inf}, "coordinates_out_of_range", "lat 51.0, lon inf"),
        ({"month": 13}, "impossible_date", "year 2015, month 13"),
        ({"month": 0}, "impossible_date", "year 2015, month 0"),
        ({"year": 1989}, "impossible_date", "year 1989, month 6"),
        ({"year": 2101}, "impossible_date", "year 2101, month 6"),
        ({"year": 0}, "impossible_date", "year 0, month 6"),
        ({"year": math.nan}, "impossible_date", "year nan, month 6"),
        ({"panoid": "p0"}, "duplicate_panoid_in_place", "p0 again"),
        ({"lat": 91.0, "month": 13, "panoid": "p0"}, "coordinates_out_of_range", "lat 91.0, lon 2.0"),  # the first
    ],
)
def test_a_row_that_breaks_a_rule_is_named_with_what_was_found(change, rule, detail):
    assert problems(rows_of({}, change, {})) == [("", ""), (rule, detail), ("", "")]


@pytest.mark.parametrize(
    "change",
    [
        {"lat": -90.0, "lon": -180.0},
        {"lat": 90.0, "lon": 180.0},
        {"year": 1990, "month": 1},
        {"year": 2100, "month": 12},
        {"panoid": ""},
        {"northdeg": 584.0},
        {"northdeg": math.nan},
    ],
)
def test_edges_are_allowed(change):
    assert problems(rows_of(change, change)[:1]) == [("", "")]


def test_own_photographs_need_no_coordinates_and_no_dates():
    unknown = {"lat": math.nan, "lon": math.nan, "year": 0, "month": 0}
    table = rows_of(unknown, {"year": 0}, {"lat": math.nan}, {"month": 13}, {"lat": 95.0})
    found = problems(table, coordinates_expected=False, dates_expected=False)
    assert [rule for rule, _ in found] == ["", "", "", "impossible_date", "coordinates_out_of_range"]


def test_a_row_with_a_problem_keeps_it_and_is_no_duplicate_of_anything():
    gone = {"problem": "missing_image", "detail": "no file", "panoid": "p9", "month": 13}
    found = problems(rows_of(gone, {"panoid": "p9"}, {"panoid": "p9"}))
    assert found == [("missing_image", "no file"), ("", ""), ("duplicate_panoid_in_place", "p9 again")]


def test_panoids_may_repeat_elsewhere_and_may_be_unknown():
    other_place, other_city = {"panoid": "p0", "place": "0000002"}, {"panoid": "p0", "city": "B"}
    table = rows_of({}, other_place, other_city, {"panoid": ""}, {"panoid": ""})
    assert [rule for rule, _ in problems(table)] == [""] * 5


def test_a_table_without_rows_has_no_problems():
    assert problems(rows_of({})[:0]) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "city": st.sampled_from(["A", "B"]),
                "place": st.sampled_from(["1", "2"]),
                "panoid": st.sampled_from(["", "x", "y"]),
                "lat": st.sampled_from([0.0, 91.0, math.nan]),
                "month": st.sampled_from([0, 1, 13]),
                "problem": st.sampled_from(["", "", "empty_image"]),
            }
        ),
        max_size=20,
    ),
    st.booleans(),
    st.booleans(),
)
def test_rules_over_columns_are_those_of_a_loop_over_rows(changes, coordinates, dates):
    seen, expected = set(), []
    for row in changes:
        key = (row["city"], row["place"], row["panoid"])
        if row["problem"]:
            rule = row["problem"]
        elif coordinates and math.isnan(row["lat"]):
            rule = "coordinates_missing"
        elif row["lat"] == 91:
            rule = "coordinates_out_of_range"
        elif row["month"] == 13 or (dates and row["month"] == 0):
            rule = "impossible_date"
        elif row["panoid"] and key in seen:
            rule = "duplicate_panoid_in_place"
        else:
            rule = ""
            seen.add(key)
        expected.append(rule)
    table = pd.DataFrame([{**SOUND_ROW, **row} for row in changes], columns=list(SOUND_ROW))
    found, _ = row_problems(table, coordinates_expected=coordinates, dates_expected=dates)
    assert found.tolist() == expected


def catalog(places=3, images=4, *, city="A", metres=200.0, **columns):
    """Sound places in a row, `metres` apart; nothing was opened."""
    count = places * images
    number = np.repeat(np.arange(places), images)
    table = pd.DataFrame(
        {
            "image_id": [f"Images/{city}/{row:05d}.JPG" for row in range(count)],
            "city": city,
            "place_id": [place_key(city, place) for place in number],
            "year": 2015,
            "month": 6,
            "northdeg": 90,
            "bearing": 90.0,
            "lat": 10 + number * metres * METRES_TO_DEGREES,
            "lon": 20.0,
            "panoid": [f"{city}-{row}" for row in range(count)],
            "width": 0,
            "height": 0,
            "bytes": 0,
            "content": "",
        }
    ).assign(**columns)
    return table.astype({column.name: column.dtype for column in schema.COLUMNS})


def warnings_of(table, *, root=None, published=None):
    """Broken rule -> (count, examples)."""
    findings = Findings()
    table_findings(table, findings, root=root, published=published)
    report = findings.report({"image": len(table)}, quarantined=0, limit=0.0, level="names")
    assert not report.errors
    return {item.rule: (item.count, item.examples) for item in report.warnings}


def test_a_sound_catalog_has_no_warnings():
    assert warnings_of(catalog(), published=Published(("A",), 12, 3)) == {}
    assert warnings_of(catalog(20, 20)) == {}


def test_headings_outside_the_circle_are_counted_and_unknown_ones_are_not():
    table = catalog(1, 6, northdeg=[0, 359, 360, 584, -90, -1], bearing=[0, 359, 0, 224, 270, np.nan])
    assert warnings_of(table)["bearing_out_of_range"] == (
        3,
        ("Images/A/00002.JPG (360°)", "Images/A/00003.JPG (584°)", "Images/A/00004.JPG (-90°)"),
    )


def test_places_of_too_few_and_too_many_images_are_named_with_their_size():
    sizes = pd.concat([catalog(1, 3, city="A"), catalog(1, 21, city="B", lon=30.0), catalog(1, 20, city="C", lon=40.0)])
    assert warnings_of(sizes) == {
        "place_of_few_images": (1, ("A/0000000 (3)",)),
        "place_of_many_images": (1, ("B/0000000 (21)",)),
    }


def test_places_closer_than_100_m_are_told_nearest_first_and_across_cities():
    north = 10 + np.repeat([0.0, 80.0, 150.0], 4) * METRES_TO_DEGREES
    table = pd.concat([catalog(3, lat=north, city="A"), catalog(1, city="B", lon=20 + 30 * METRES_TO_DEGREES)])
    count, examples = warnings_of(table)["places_close_together"]
    assert count == 4
    assert examples == (
        "A/0000000 and B/0000000 (30 m)",
        "A/0000001 and A/0000002 (70 m)",
        "A/0000000 and A/0000001 (80 m)",
        "A/0000001 and B/0000000 (85 m)",
    )


def test_a_place_stands_in_the_middle_of_its_images_also_at_the_date_line():
    table = catalog(2, 4, lat=0.0, lon=[179.9999, -179.9999, 180.0, -180.0, 0.0001, -0.0001, 0.0, 0.0])
    assert warnings_of(table) == {}


def test_places_without_coordinates_are_close_to_none():
    assert warnings_of(catalog(3, lat=np.nan, lon=np.nan)) == {}


def test_more_places_at_one_spot_than_can_be_compared_are_said_to_be_more(monkeypatch):
    monkeypatch.setattr(separation, "_MOST_COMPARISONS", 100)
    count, examples = warnings_of(catalog(50, metres=0.0))["places_close_together"]
    assert count == 100
    assert examples[0] == "more than 100 pairs: thousands of places lie at one spot"


def test_a_panorama_in_two_places_is_told_once_for_each_place_after_the_first():
    table = catalog(3, panoid=["same", "twice", "twice", "", "same", "d", "e", "", "same", "x", "y", ""])
    assert warnings_of(table) == {"duplicate_panoid_across_places": (2, ("same in A/0000000 and A/0000001",))}


@pytest.mark.parametrize(
    ("sizes", "odd"),
    [
        ([(640, 480)] * 199 + [(20, 480)], 1),  # tiny
        ([(640, 480)] * 199 + [(160, 120)], 1),  # a thumbnail
        ([(640, 480)] * 199 + [(4000, 3000)], 1),
        ([(640, 480)] * 199 + [(480, 640)], 0),  # upright
        ([(640, 480)] * 199 + [(2400, 300)], 1),  # a panorama
        ([(2400, 300)] * 200, 0),  # all are
        ([(640, 480)] * 120 + [(4000, 3000)] * 80, 0),  # two cameras
        ([(640, 480)] * 190 + [(4000, 3000)] * 10, 0),
        ([(640, 480)] * 197 + [(800, 600), (1024, 768), (500, 500)], 0),
        ([(640, 480)], 0),
        ([(0, 0)] * 4, 0),  # not opened
        ([(640, 480)] * 3 + [(0, 0)], 0),
    ],
)
def test_sizes_are_odd_when_they_are_far_from_the_others_and_rare(sizes, odd):
    width, height = zip(*sizes, strict=True)
    count, examples = warnings_of(catalog(1, len(sizes), width=width, height=height)).get("odd_size", (0, ()))
    assert count == odd
    assert all(example == f"Images/A/{len(sizes) - 1:05d}.JPG ({width[-1]} × {height[-1]})" for example in examples)


def test_equal_files_are_told_and_files_that_differ_in_the_middle_are_not(tmp_path):
    folder = tmp_path / "Images" / "A"
    big = save_photo(folder / "00000.JPG", 0, (200, 150))
    data = bytearray(big.read_bytes())
    shutil.copy(big, folder / "00001.JPG")
    data[len(data) // 2] ^= 1
    (folder / "00002.JPG").write_bytes(data)
    small = save_photo(folder / "00003.JPG", 1)
    shutil.copy(small, folder / "00004.JPG")
    save_photo(folder / "00005.JPG", 2)
    looks = [quick_look(folder / f"{number:05d}.JPG") for number in range(6)]
    assert looks[0].content == looks[2].content
    facts = {name: [getattr(look, name) for look in looks] for name in ("width", "height", "bytes", "content")}
    assert warnings_of(catalog(1, 6, **facts), root=tmp_path)["same_image_twice"] == (
        2,
        ("Images/A/00001.JPG is Images/A/00000.JPG", "Images/A/00004.JPG is Images/A/00003.JPG"),
    )
    (folder / "00001.JPG").unlink()
    assert warnings_of(catalog(1, 6, **facts), root=tmp_path)["same_image_twice"][0] == 1


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (Published(), {}),
        (Published(("A",), 12, 3), {}),
        (Published((), 400, 100), {}),  # 5 % off
        (Published((), 425, 96), {"counts_far_from_published": (1, ("400 images, published: 425",))}),
        (
            Published((), 300, 200),
            {"counts_far_from_published": (1, ("400 images, published: 300", "100 places, published: 200"))},
        ),
        (
            Published(("B", "C"), 0, 0),
            {"unlisted_city": (1, ("A",)), "missing_city": (2, ("B", "C"))},
        ),
    ],
)
def test_what_is_published_is_compared_with_what_is_there(published, expected):
    table = catalog(3) if published.num_images == 12 else catalog(100)
    assert warnings_of(table, published=published) == expected


def test_a_report_is_plain_json_with_every_rule_and_back():
    findings = Findings()
    findings.add("strange_name", [f"A/{number}" for number in range(8)])
    report = findings.report({"image": 16}, quarantined=1, limit=0.1, level="quick")
    values = json.loads(json.dumps(report.to_json()))
    assert [item["rule"] for item in values["findings"]] == list(RULES)
    assert (values["quarantined_share"], values["is_sound"]) == (1 / 16, True)
    strange = next(item for item in values["findings"] if item["rule"] == "strange_name")
    assert (strange["count"], strange["share"], len(strange["examples"])) == (8, 0.5, 5)
    assert ValidationReport.from_json(values) == report


def test_a_report_refuses_a_data_set_with_more_in_quarantine_than_its_limit():
    findings = Findings()
    findings.add("empty_image", ["A/1.jpg"], count=3)
    report = findings.report({"image": 100}, quarantined=3, limit=0.03, level="quick")
    report.require_sound(dataset="mine", remedy="Mend it.")
    over = findings.report({"image": 100}, quarantined=3, limit=0.02, level="quick")
    with pytest.raises(DataError) as caught:
        over.require_sound(dataset="mine", remedy="Mend it.")
    assert "3 of 100 images are in quarantine (3 %, the limit is 2 %)" in str(caught.value)
    assert "3 × an image file has 0 bytes: A/1.jpg" in str(caught.value)
    assert str(caught.value).endswith("\nMend it.")
    assert caught.value.details == {"empty_image": 3}


def test_every_rule_has_a_meaning_and_both_severities_occur():
    assert {rule.severity for rule in RULES.values()} == {"error", "warning"}
    assert all(rule.meaning for rule in RULES.values())
