"""What is fresh, what is stale and why, and what a stage refuses to read."""

import shutil
from dataclasses import replace

import pytest

from gsv_pipeline.errors import StaleInputError
from gsv_pipeline.manifest import Recipe, require, why_stale
from tests.production.making import make, never, writes


def test_tuples_in_settings_do_not_make_an_artifact_stale(layout, catalog):
    recipe = replace(catalog, config={"cities": ("A", "B")})
    make(layout, recipe)
    assert why_stale(layout, recipe) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config": {"size": 2}}, "it was made by another configuration (size: found 1, expected 2)"),
        ({"config": {"size": 1, "new": None}}, "configuration (new: found nothing, expected None)"),
        ({"versions": {"catalog": 2}}, "new version (catalog: found 1, expected 2)"),
        ({"versions": {"catalog": 1, "demo": 1}}, "new version (demo: found nothing, expected 1)"),
    ],
)
def test_what_makes_an_artifact_stale_is_named(layout, catalog, change, reason):
    make(layout, catalog)
    changed = replace(catalog, **change)
    assert reason in why_stale(layout, changed)
    assert not make(layout, changed).cached
    assert why_stale(layout, changed) is None


def test_a_recipe_without_settings_accepts_whatever_was_made(layout, catalog):
    make(layout, catalog)
    assert why_stale(layout, replace(catalog, config=None)) is None


def test_a_missing_artifact_is_stale(layout, catalog):
    assert why_stale(layout, catalog) == "it is missing"


def test_a_changed_input_makes_stale_what_was_made_from_it(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    make(layout, catalog, writes("more rows"), force=True)
    assert why_stale(layout, places) == "its input catalog/demo has changed"


def test_staleness_is_seen_through_the_chain(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    changed = replace(places, inputs=(replace(catalog, config={"size": 2}),))
    assert "its input catalog/demo is out of date: it was made by another config" in why_stale(layout, changed)
    shutil.rmtree(catalog.path)
    assert why_stale(layout, places) == "its input catalog/demo is missing"


def test_an_artifact_of_other_inputs_is_stale(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    assert why_stale(layout, replace(places, inputs=())) == "it was made from other inputs (catalog/demo)"
    make(layout, replace(places, inputs=()), force=True)
    assert why_stale(layout, places) == "its input catalog/demo has changed"


def test_an_input_that_was_made_again_alike_leaves_what_follows_fresh(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    make(layout, catalog, force=True)
    assert make(layout, places, never).cached


@pytest.mark.parametrize("state", ["missing", "stale"])
def test_a_stage_refuses_an_input_that_is_missing_or_stale_and_names_the_command(layout, catalog, places, state):
    make(layout, catalog)
    make(layout, places)
    if state == "missing":
        shutil.rmtree(catalog.path)
    else:
        places = replace(places, inputs=(replace(catalog, config={"size": 2}),))
    with pytest.raises(StaleInputError) as caught:
        make(layout, places, never)
    assert str(caught.value).startswith("'catalog/demo' is needed, but it ")
    assert str(caught.value).endswith("Run: gsv-pipeline catalog demo")
    assert caught.value.details["artifact"] == "catalog/demo"
    assert (places.path / "table.txt").is_file()


def test_of_a_chain_that_is_out_of_date_the_first_command_is_named_too(layout, catalog, places):
    make(layout, catalog)
    make(layout, places)
    checkpoint = Recipe(layout.checkpoint("demo"), {"training": 1}, {}, "gsv-pipeline train demo", (places,))
    shutil.rmtree(catalog.path)
    with pytest.raises(
        StaleInputError, match=r"Run: gsv-pipeline places demo\. Begin with .*: gsv-pipeline catalog demo$"
    ):
        make(layout, checkpoint, never)


def test_a_fresh_input_is_handed_over(layout, catalog):
    made = make(layout, catalog)
    assert require(layout, catalog).data_version == made.data_version


def test_an_input_that_is_replaced_during_the_work_leaves_a_stale_output(layout, catalog, places):
    make(layout, catalog)

    def write(folder):
        make(layout, catalog, writes("meanwhile"), force=True)
        return writes()(folder)

    make(layout, places, write)
    assert why_stale(layout, places) == "its input catalog/demo has changed"
