"""Tables refuse what they do not know, say what they do know, and guess."""

import pytest

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.registry import Registry, check_arguments, resolve, unknown_name


def pool(in_channels, out_channels, power=3.0):
    return ("pool", in_channels, out_channels, power)


def flatten():
    return "flat"


@pytest.fixture
def table():
    return Registry("aggregator", {"convap": pool, "avg": flatten})


def test_a_table_maps_names_to_builders_in_the_order_they_stand(table):
    assert list(table) == ["convap", "avg"]
    assert len(table) == 2
    assert table["avg"] is flatten
    assert "avg" in table
    assert "convpa" not in table


def test_a_table_builds_with_arguments(table):
    assert table.build("convap", in_channels=8, out_channels=4) == ("pool", 8, 4, 3.0)


def test_a_later_change_of_the_literal_does_not_change_the_table():
    rows = {"avg": flatten}
    table = Registry("aggregator", rows)
    rows["late"] = pool
    assert list(table) == ["avg"]


@pytest.mark.parametrize("ask", [lambda table: table["convpa"], lambda table: table.get("convpa")])
def test_an_unknown_name_raises_with_a_guess_and_the_list(table, ask):
    with pytest.raises(ConfigError) as caught:
        ask(table)
    assert str(caught.value) == "Unknown aggregator 'convpa'. Did you mean 'convap'? Available: avg, convap."


def test_a_name_like_no_other_gets_no_guess(table):
    with pytest.raises(ConfigError, match="^Unknown aggregator 'zzzzzz'. Available: avg, convap.$"):
        table.check("zzzzzz", {})


def test_an_empty_table_says_so():
    assert unknown_name("benchmark", "x", ()) == "Unknown benchmark 'x'. Available: none."


def test_an_unexpected_argument_raises_with_a_guess(table):
    with pytest.raises(ConfigError) as caught:
        table.build("convap", in_channels=8, out_chanels=4)
    assert str(caught.value) == (
        "aggregator 'convap': unexpected argument 'out_chanels'. Did you mean 'out_channels'? "
        "It takes: in_channels, out_channels, power."
    )


def test_a_missing_argument_is_named(table):
    with pytest.raises(ConfigError, match="argument 'out_channels' is missing"):
        table.check("convap", {"in_channels": 8})


def test_what_the_pipeline_provides_may_not_be_set_and_is_not_missed(table):
    table.check("convap", {"out_channels": 4}, provided=("in_channels",))
    with pytest.raises(ConfigError, match=r"unexpected argument 'in_channels'.*It takes: out_channels, power"):
        table.check("convap", {"in_channels": 8, "out_channels": 4}, provided=("in_channels",))


def test_a_builder_without_arguments_takes_nothing(table):
    with pytest.raises(ConfigError, match="It takes: nothing"):
        table.check("avg", {"power": 3})


def test_catch_all_arguments_of_a_builder_do_not_open_the_door():
    with pytest.raises(ConfigError, match="unexpected argument 'anything'"):
        check_arguments("loss", "loose", lambda *args, margin=1, **kwargs: None, {"anything": 1})


def test_a_reference_resolves_to_its_function():
    assert resolve("gsv_pipeline.registry:unknown_name") is unknown_name
