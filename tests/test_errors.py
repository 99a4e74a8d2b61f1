"""The tree of errors, from which the exit codes follow."""

import pytest

from gsv_pipeline import errors


@pytest.mark.parametrize(
    ("family", "members"),
    [
        (errors.InputError, {errors.ConfigError, errors.DataError, errors.StaleInputError}),
        (errors.RunError, {errors.LockTimeoutError, errors.TrainingError}),
    ],
)
def test_every_error_belongs_to_one_family(family, members):
    assert set(family.__subclasses__()) == members
    assert issubclass(family, errors.GsvError)


def test_being_stopped_is_no_exception_that_a_broad_except_could_eat():
    assert issubclass(errors.StoppedError, BaseException)
    assert not issubclass(errors.StoppedError, Exception)


def test_an_error_keeps_its_facts_apart_from_its_sentence():
    facts = {"missing_image": 3}
    error = errors.DataError("3 images are missing.", facts)
    facts["missing_image"] = 4
    assert str(error) == "3 images are missing."
    assert error.details == {"missing_image": 3}
    assert errors.DataError("nothing more").details == {}
