"""What the record of a version says is believed as far as it cannot harm."""

from pathlib import Path
from typing import Any

import pytest

from gsv_pipeline.data_versions.record import Content, Record, location_of
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import Location

PHOTOGRAPHS = {"layout": "photographs", "arguments": {"table": "lists/places.csv", "cell_m": 5.0}}


def _record(location: Any) -> Record:
    return Record(Content("0.dir", 1, 1), stored=True, facts={"location": location})


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A data set's folder with a link out of it, and files that link to a cache, as DVC can be told to make them."""
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "dataset" / "town"
    (folder / "photographs" / "lists").mkdir(parents=True)
    (folder / "photographs" / "lists" / "places.csv").symlink_to(tmp_path / "outside" / "object")
    (folder / "linked").symlink_to(tmp_path / "outside")
    return folder


def test_a_place_inside_the_folder_is_taken(artifact: Path) -> None:
    assert location_of(artifact, _record(None)) is None
    found = location_of(artifact, _record({"root": "photographs", **PHOTOGRAPHS}))
    assert found == Location(artifact / "photographs", "photographs", PHOTOGRAPHS["arguments"])
    wrapped = {"root": "not/yet/there", "layout": "published", "arguments": {}}
    assert location_of(artifact, _record(wrapped)) == Location(artifact / "not" / "yet" / "there")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"root": "/etc"}, "/etc, expected a place inside the folder"),
        ({"root": "../../outside"}, r"\.\./\.\./outside, expected a place inside"),
        ({"root": "photographs/../../other"}, "/other, expected a place inside"),
        ({"root": "linked"}, "linked, which is a link out of the folder"),
        ({"layout": "photographs", "arguments": {"table": "/etc/passwd"}}, "/etc/passwd, expected"),
        ({"layout": "photographs", "arguments": {"table": "../../places.csv"}}, "/places.csv, expected"),
        ({"layout": "other"}, "the layout 'other', expected published or photographs"),
        ({"arguments": 7}, "no location .TypeError"),
    ],
)
def test_a_place_elsewhere_is_refused(told: dict[str, Any], words: str, artifact: Path) -> None:
    usual = {"root": ".", "layout": "published", "arguments": {}}
    with pytest.raises(DataError, match=words):
        location_of(artifact, _record({**usual, **told}))


@pytest.mark.parametrize("told", ["anywhere", 7, ["root"], {"layout": "published"}])
def test_what_is_no_place_is_refused(told: Any, artifact: Path) -> None:
    with pytest.raises(DataError, match=r"no location .*Nothing was changed"):
        location_of(artifact, _record(told))
