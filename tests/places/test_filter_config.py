"""What a filter may say in YAML, the one value that each spelling becomes, and what is refused."""

import pytest
import yaml

from gsv_pipeline.config import PlacesFilter, load_experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.places.filters import CLAUSES, SEASONS, Settings


@pytest.fixture
def load(tmp_path):
    """Read `text` as the `places:` of an experiment."""

    def write_and_load(text, *overrides):
        layout = Layout(tmp_path / "data")
        layout.experiments().mkdir(parents=True, exist_ok=True)
        block = "".join(f"  {line}\n" for line in text.splitlines())
        (layout.experiments() / "mine.yaml").write_text(f"training: {{}}\nplaces:\n{block}", encoding="utf-8")
        return load_experiment(layout, "mine", overrides).places

    return write_and_load


def test_every_clause_is_a_setting_and_every_setting_a_clause():
    settings = list(PlacesFilter.model_fields)
    assert settings == ["cities", "exclude_cities", *CLAUSES, "sample_seed"]  # the documented order is the applied one
    assert set(Settings.__annotations__) == set(CLAUSES)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("hemisphere: north", {"hemisphere": ["north"]}),
        ("hemisphere: [West, north]", {"hemisphere": ["north", "west"]}),
        ("hemisphere: south, east", {"hemisphere": ["south", "east"]}),
        ("years: 2015", {"years": [2015, 2015]}),
        ("years: [2015]", {"years": [2015, 2015]}),
        ("years: 2012-2016", {"years": [2012, 2016]}),
        ("years: 2012 – 2016", {"years": [2012, 2016]}),
        ("years: [2012, 2016]", {"years": [2012, 2016]}),
        ("months: 7", {"months": [7]}),
        ("months: '07'", {"months": [7]}),
        ("months: July", {"months": [7]}),
        ("months: jul", {"months": [7]}),
        ("months: [8, June, 7, 6]", {"months": [6, 7, 8]}),
        ("months: dec, jan", {"months": [1, 12]}),
        ("season: winter", {"season": ["winter"]}),
        ("season: [autumn, Spring]", {"season": ["spring", "autumn"]}),
        ("bearing: [315, 45]", {"bearing": [315.0, 45.0]}),
        ("latitude: [-10, 10.5]", {"latitude": [-10.0, 10.5]}),
        ("longitude: [170, -170]", {"longitude": [170.0, -170.0]}),
        ("cities: London", {"cities": ["London"]}),
        ("cities: [Rome, Paris, Rome]", {"cities": ["Paris", "Rome"]}),
        ("exclude_cities: [Oslo]", {"exclude_cities": ["Oslo"]}),
        ("min_images_per_place: 4", {}),
        (
            "min_images_per_place: 16\nmax_images_per_place: 16",
            {"min_images_per_place": 16, "max_images_per_place": 16},
        ),
        ("max_distance_m: 20\nmin_separation_m: 150", {"max_distance_m": 20.0, "min_separation_m": 150.0}),
        ("sample_places: 500\nsample_seed: 3", {"sample_places": 500, "sample_seed": 3}),
        ("years: null\nmonths: null", {}),
    ],
)
def test_each_spelling_becomes_one_value(load, text, stated):
    found = load(text)
    assert found.stated() == stated
    assert PlacesFilter.model_validate(yaml.safe_load(yaml.safe_dump(found.model_dump(mode="json")))) == found


def test_a_filter_that_says_nothing_states_nothing():
    assert PlacesFilter().stated() == {}
    assert PlacesFilter().min_images_per_place == 4


def test_the_command_line_spells_clauses_as_the_file_does(load):
    found = load(
        "min_images_per_place: 4", "places.years=2012-2016", "places.months=6,july", "places.bearing=[315, 45]"
    )
    assert found.stated() == {"years": [2012, 2016], "months": [6, 7], "bearing": [315.0, 45.0]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "latitude: [50, 40]",
            "latitude: expected [south, north] within -90 to 90, the smaller one first, found [50.0",
        ),
        ("latitude: [-91, 40]", "latitude: expected [south, north] within -90 to 90"),
        ("latitude: [.nan, 40]", "latitude: expected [south, north] within -90 to 90"),
        ("latitude: 50", "latitude: expected two numbers such as [40, 60] or 40..60, found 50"),
        ("latitude: [1, 2, 3]", "latitude: expected two numbers such as [40, 60] or 40..60, found [1, 2, 3]"),
        ("longitude: [10, 181]", "longitude: expected [west, east] within -180 to 180, found [10.0, 181.0]"),
        ("hemisphere: nort", "hemisphere: Unknown hemisphere 'nort'. Did you mean 'north'? Available: east, north"),
        ("hemisphere: [north, south]", "hemisphere: no place is in both north and south: name one of them"),
        ("hemisphere: []", "hemisphere: found an empty list, which no image can meet"),
        ("years: 2016-2012", "years: expected a year, [from, to] or 2012-2016 with the earlier one first, found '2016"),
        ("years: [2012, 2014, 2016]", "years: expected a year, [from, to] or 2012-2016"),
        ("years: 0", "years: expected a year"),
        ("years: [2012.5, 2013]", "years: expected a year"),
        ("years: true", "years: expected a year"),
        ("years: 20122", "years: expected a year"),
        ("months: 13", "months: expected months as numbers from 1 to 12 or English names, found 13"),
        ("months: [1, 0]", "months: expected months as numbers from 1 to 12 or English names, found 0"),
        ("months: ju", "months: expected months as numbers from 1 to 12 or English names, found 'ju'"),
        ("months: juli", "months: expected months as numbers from 1 to 12 or English names, found 'juli'"),
        ("season: sumer", "season: Unknown season 'sumer'. Did you mean 'summer'? Available: autumn, spring, summer"),
        ("bearing: [-45, 45]", "bearing: expected [from, to] within 0 to 360, [315, 45] for the sector over north"),
        ("max_distance_m: 0", "max_distance_m: found 0, expected more than 0"),
        ("max_distance_m: .inf", "max_distance_m: found inf, expected a finite number"),
        (
            "max_images_per_place: 3",
            "max_images_per_place is 3, below min_images_per_place of 4: no place can have both",
        ),
        ("sample_places: 0", "sample_places: found 0, expected 1 or more"),
        ("month: 7", "month: Unknown setting 'month'. Did you mean 'months'?"),
        ("cities: [5]", "cities.0: found 5, expected text, in quotes"),
    ],
)
def test_what_no_clause_can_mean_is_refused_with_what_is_expected(load, text, words):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert f"places: {words}" in str(caught.value) or f"places.{words}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("latitude: 40, 60", {"latitude": [40.0, 60.0]}),
        ("latitude: -10..60", {"latitude": [-10.0, 60.0]}),
        ("bearing: 315-45", {"bearing": [315.0, 45.0]}),
        ("years: 2012, 2016", {"years": [2012, 2016]}),
        ("years: 2012..2016", {"years": [2012, 2016]}),
        ("months: june-august", {"months": [6, 7, 8]}),
        ("months: 11-2", {"months": [1, 2, 11, 12]}),
        ("season: fall", {"season": ["autumn"]}),
    ],
)
def test_ranges_may_be_written_as_people_write_them(load, text, stated):
    assert load(text).stated() == stated


def test_each_month_is_in_one_season():
    assert sorted(month for months in SEASONS.values() for month in months) == list(range(1, 13))
