"""Distance between places, against all pairs."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gsv_pipeline.catalog.headers import read_header
from gsv_pipeline.catalog.report import RULES, Findings
from gsv_pipeline.catalog.validate import MIN_SEPARATION_M, close_places
from gsv_pipeline.geo import distance_m
from tests.published import METRES_TO_DEGREES, save_photo


def table_of(centres, city="A"):
    """Each place has two images, on either side of its centre."""
    rows = [
        (city, f"{city}/{number:07d}", lat, lon + offset)
        for number, (lat, lon) in enumerate(centres)
        for offset in (-1e-6, 1e-6)
    ]
    return pd.DataFrame(rows, columns=["city", "place_id", "lat", "lon"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 400), st.floats(0, 400)), min_size=2, max_size=12),
    st.sampled_from([0.0, 51.0, -33.0, 89.9]),
)
def test_close_places_are_those_of_all_pairs(metres, latitude):
    scale = METRES_TO_DEGREES / np.cos(np.radians(latitude))
    centres = [(latitude + north * METRES_TO_DEGREES, east * scale) for north, east in metres]
    expected = set()
    for first in range(len(centres)):
        for second in range(first + 1, len(centres)):
            apart = float(distance_m(np.array(centres[first]), np.array(centres[second])))
            if abs(apart - MIN_SEPARATION_M) < 1e-3:
                return  # too close to the limit for rounded means
            if apart < MIN_SEPARATION_M:
                expected.add(f"A/{first:07d} and A/{second:07d}")
    assert {text.rsplit(" (", 1)[0] for text in close_places(table_of(centres))} == expected


def test_close_places_come_nearest_first_with_their_distance():
    centres = [(0.0, 0.0), (0.0, 80 * METRES_TO_DEGREES), (0.0, 110 * METRES_TO_DEGREES)]
    assert close_places(table_of(centres)) == ["A/0000001 and A/0000002 (30 m)", "A/0000000 and A/0000001 (80 m)"]


def test_places_of_two_cities_are_not_compared():
    assert close_places(pd.concat([table_of([(0.0, 0.0)], "A"), table_of([(0.0, 0.0)], "B")])) == []


def test_a_report_is_plain_json_with_every_rule():
    findings = Findings()
    findings.add("strange_name", [f"A/{number}" for number in range(8)])
    report = findings.report(16)
    values = json.loads(json.dumps(report.to_json()))
    assert [item["rule"] for item in values["findings"]] == list(RULES)
    strange = next(item for item in values["findings"] if item["rule"] == "strange_name")
    assert (strange["count"], strange["share"], len(strange["examples"])) == (8, 0.5, 5)
    assert report.errors == ()
    report.require_sound(dataset="mine", remedy="")


def test_every_rule_has_a_meaning_and_both_severities_occur():
    assert {rule.severity for rule in RULES.values()} == {"error", "warning"}
    assert all(rule.meaning for rule in RULES.values())


@pytest.mark.parametrize("padding", [0, 1, 60])
def test_a_jpeg_that_its_camera_padded_is_whole(tmp_path, padding):
    photo = save_photo(tmp_path / "photo.jpg", 0)
    photo.write_bytes(photo.read_bytes() + b"\0" * padding)
    assert read_header(photo).problem == ""


def test_a_png_called_jpg_is_an_image(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "image.jpg", "PNG")
    header = read_header(tmp_path / "image.jpg")
    assert (header.width, header.height, header.problem) == (30, 20, "")
