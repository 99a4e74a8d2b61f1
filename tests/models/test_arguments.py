"""Values of an experiment: what is accepted, and the words for what is not."""

import math

import pytest

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.arguments import require_flag, require_number, require_whole, require_wholes


def test_values_in_range_pass():
    require_whole("loss 'x'", a=1, b=7)
    require_whole("loss 'x'", least=-1, a=-1)
    require_wholes("loss 'x'", a=[], b=[1, 2], c=(3,))
    require_number("loss 'x'", a=-3, b=0.5)
    require_number("loss 'x'", least=0.0, below=1.0, a=0, b=0.99)
    require_flag("loss 'x'", a=True, b=False)


@pytest.mark.parametrize("value", [0, True, 1.0, "1", None])
def test_whole_numbers_are_not_stretched(value):
    with pytest.raises(ConfigError, match=r"loss 'x': 'bins' is .*; expected a whole number of 1 or more"):
        require_whole("loss 'x'", bins=value)


@pytest.mark.parametrize("value", [3, "3", None, {3}])
def test_a_list_of_whole_numbers_is_a_list(value):
    with pytest.raises(ConfigError, match=r"'layers' is .*; expected a list of whole numbers"):
        require_wholes("backbone 'x'", layers=value)


def test_a_member_that_is_no_whole_number_is_named():
    with pytest.raises(ConfigError, match=r"'layers' is 2\.5; expected a whole number"):
        require_wholes("backbone 'x'", layers=[1, 2.5])


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (math.nan, {}, "a finite number"),
        (math.inf, {}, "a finite number"),
        (-1.0, {"least": 0.0}, "a number, 0 or more"),
        (0.0, {"above": 0.0}, "a number, more than 0"),
        (1.0, {"least": 0.0, "below": 1.0}, "a number, 0 or more and less than 1"),
        (None, {}, "a number"),
        (True, {}, "a number"),
    ],
)
def test_numbers_out_of_range_are_refused(value, bounds, expected):
    with pytest.raises(ConfigError, match=f"'margin' is .*; expected {expected}\\."):
        require_number("loss 'x'", margin=value, **bounds)


def test_the_yaml_trap_of_bare_exponents_is_explained():
    with pytest.raises(ConfigError, match=r"'1e-6'; expected a number \(in YAML write 1\.0e-6"):
        require_number("aggregator 'gem'", eps="1e-6")


@pytest.mark.parametrize("value", [1, "true", None])
def test_flags_are_true_or_false(value):
    with pytest.raises(ConfigError, match=r"'swap' is .*; expected true or false"):
        require_flag("loss 'x'", swap=value)
