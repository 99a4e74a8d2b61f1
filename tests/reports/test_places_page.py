import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gsv_pipeline.places.select import Clause
from gsv_pipeline.reports import places_data
from gsv_pipeline.reports.places_page import LeftOver, filter_steps, write_places_page
from tests.published import save_photo
from tests.reports.pages import Page

CLAUSES = [LeftOver("catalog", 1000, 120), LeftOver("northern hemisphere", 800, 90), LeftOver("months: 7", 20, 5)]
MIDDLES = {"PRS": (48.86, 2.35), "Osaka": (34.69, 135.50), "Medellin": (6.25, -75.57)}


def places_table(sizes: Sequence[int] = (4, 6, 9, 5), cities: Sequence[str] = ("PRS",)) -> pd.DataFrame:
    """Place `i` has `sizes[i]` images, lies 100 m from the next and belongs to a city in turn."""
    rows = []
    for place, size in enumerate(sizes):
        city = cities[place % len(cities)]
        lat, lon = MIDDLES[city]
        for image in range(size):
            name = f"Images/{city}/{place}_{image}.JPG"
            rows.append(
                (city, f"{city}/{place:07d}", name, 2010 + image, 1 + image, 10.0 * image, lat + place / 1e3, lon)
            )
    table = pd.DataFrame(rows, columns=["city", "place_id", "image_id", "year", "month", "bearing", "lat", "lon"])
    return table.assign(label=np.unique(table["place_id"], return_inverse=True)[1])


def page(tmp_path: Path, table: pd.DataFrame, **arguments: Any) -> Page:
    target, root = tmp_path / "places.html", tmp_path / "root"
    arguments = {"experiment": "demo", "clauses": CLAUSES, "image_root": root, **arguments}
    for number, name in enumerate(table["image_id"]):
        if not (root / name).exists():
            save_photo(root / name, number)
    write_places_page(target, table=table, **arguments)
    return Page(target)


def captions(shown: Page) -> list[str]:
    return re.findall(r"<article class=\"strip\">\s*<header><b>([^<]+)</b>", shown.html)


def test_the_page_asks_for_nothing_from_elsewhere_and_every_picture_has_words(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table(cities=["PRS", "Osaka"]))

    shown.require_self_contained()
    alts = [attributes["alt"] for tag, attributes in shown.elements if tag == "img"]
    assert len(alts) == (4 + 6 + 6 + 5) + 1 + 2 + 3  # photographs, map, a map of each city, histograms
    assert all(alts)


def test_the_header_counts_places_images_cities_and_years(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table((4, 6, 9), cities=["PRS", "Osaka"]))

    assert "3 places in 2 cities" in shown.text
    assert "19 images taken in 2010–2018" in shown.text
    assert "6 images per place in the median" in shown.text


def test_the_filter_table_says_what_each_clause_left_and_removed(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table())

    assert shown.rows("filter") == [
        ["catalog", "", "1,000", "120", "–", "–"],
        ["northern hemisphere", "", "800", "90", "−200", "−30"],
        ["months: 7", "", "20", "5", "−780", "−85"],
    ]
    assert re.findall(r"--value: ([\d.]+%)", shown.html) == ["100.00%", "80.00%", "2.00%"]


def test_clauses_of_the_filter_itself_can_be_shown() -> None:
    assert [step.removed_places for step in filter_steps([Clause("catalog", 9, 3), Clause("years", 4, 1)])] == [0, 2]
    assert filter_steps([]) == []


def test_the_sheet_is_a_seeded_sample_in_the_order_of_place_ids(tmp_path: Path) -> None:
    table = places_table([4] * 40)

    first, again, other = (captions(page(tmp_path, table, sample=5, seed=seed)) for seed in (1, 1, 2))

    assert len(first) == 5
    assert first == again == sorted(first)
    assert first != other
    shuffled = table.sample(frac=1.0, random_state=0)
    assert captions(page(tmp_path, shuffled, sample=5, seed=1)) == first


def test_a_row_shows_few_images_of_a_large_place_from_the_oldest_to_the_newest(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table([9]), columns=3)

    dates = re.findall(r"<p><b>([\d-]+)</b><span>(\d+°)</span></p>", shown.section("Photographs"))
    assert dates == [("2010-01", "0°"), ("2014-05", "40°"), ("2018-09", "80°")]
    assert "9 images, 2010–2018" in shown.text


def test_damaged_images_leave_a_note_and_the_rest_of_the_page(tmp_path: Path) -> None:
    table, root = places_table([6]), tmp_path / "root"
    names = table["image_id"].tolist()
    page(tmp_path, table)
    (root / names[0]).unlink()
    (root / names[1]).write_bytes(b"")
    (root / names[2]).write_bytes(b"<html>Sign in</html>")
    (root / names[3]).write_bytes((root / names[3]).read_bytes()[:-200])
    target = tmp_path / "damaged.html"

    write_places_page(target, experiment="demo", table=table, clauses=CLAUSES, image_root=root)

    notes = re.findall(r'<div class="missing" role="note">([^<]+)</div>', target.read_text(encoding="utf-8"))
    assert [note.split(":")[0] for note in notes] == [
        "Image is missing.", "Image is empty (0 bytes).", "Image is not an image", "Image is damaged",
    ]  # fmt: skip
    assert target.read_text(encoding="utf-8").count('src="data:image/jpeg') == 2
    assert str(root) not in target.read_text(encoding="utf-8")


def test_cities_far_apart_are_dots_on_the_world_beside_maps_of_the_largest(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table([4] * 7, cities=["Medellin", "PRS", "Osaka"]))

    names = re.findall(r"<h3>(\w+) <span>(\d) places</span>", shown.section("Where the places are"))
    assert names == [("Medellin", "3"), ("Osaka", "2"), ("PRS", "2")]
    assert "A dot for each city" in shown.text
    near = page(tmp_path, places_table())
    assert "North is up." in near.text
    assert "A dot for each city" not in near.text


def test_places_without_coordinates_are_left_out_of_the_map_and_counted(tmp_path: Path) -> None:
    table = places_table((4, 4, 4))
    table.loc[table["label"] == 0, ["lat", "lon"]] = np.nan
    table.loc[table.index[4], "lat"] = np.nan  # one image of the next place: another says where it is

    assert "1 place has no coordinates and is left out." in page(tmp_path, table).text
    nowhere = page(tmp_path, table.assign(lat=np.nan, lon=np.nan))
    assert "There is no map: no place has coordinates." in nowhere.text


def test_images_of_unknown_date_and_bearing_are_shown_without(tmp_path: Path) -> None:
    table = places_table([4]).assign(year=0, month=0, bearing=np.nan)

    shown = page(tmp_path, table)

    assert "No image says when it was taken." in shown.text
    assert shown.text.count("no date") == 4
    assert not re.search(r"\bnan\b", shown.text)


def test_the_licence_is_said_only_where_it_forbids_redistribution(tmp_path: Path) -> None:
    free = page(tmp_path, places_table([4]), licence="MIT")
    bound = page(tmp_path, places_table([4]), licence="CC BY-NC-ND 4.0", redistributable=False)

    assert "licence" not in free.text
    assert "Licence of the photographs: CC BY-NC-ND 4.0" in bound.text
    assert "do not publish it" in bound.text


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&"\''
    table = places_table([4]).assign(place_id=evil, city=evil)
    clauses = [LeftOver(evil, 4, 1)]

    shown = page(tmp_path, table, experiment=evil, clauses=clauses, licence=evil, redistributable=False)

    assert "<script" not in shown.html
    assert shown.text.count(evil) == 2 + 1 + 1 + 1  # title and heading, licence, clause, place


def test_no_places_and_no_clauses_are_said_in_a_sentence(tmp_path: Path) -> None:
    shown = page(tmp_path, places_table([4]).iloc[:0], clauses=[])

    for sentence in (
        "There are no places to show.",
        "There is no map: no place has coordinates.",
        "What the filter removed was not recorded.",
    ):
        assert sentence in shown.text


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    assert page(tmp_path, places_table()).html == page(tmp_path, places_table()).html


def test_a_place_is_where_its_first_located_image_is() -> None:
    table = places_table((2, 3, 1), cities=["PRS", "Osaka"])
    table.loc[0, "lat"] = np.nan

    latlon, cities = places_data.locations(table)

    by_label = table[np.isfinite(table["lat"])].groupby("label").first()
    assert latlon.tolist() == by_label[["lat", "lon"]].to_numpy().tolist()
    assert cities.tolist() == by_label["city"].tolist()


@pytest.mark.parametrize(("years", "text"), [([0, 0], ""), ([2015, 0], "2015"), ([2018, 2011, 0], "2011–2018")])
def test_a_span_of_years_leaves_out_what_is_unknown(years: list[int], text: str) -> None:
    assert places_data.year_span(np.array(years)) == text
