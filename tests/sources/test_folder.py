"""An existing copy is used where it lies, and refused where it is none."""

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.folder import fetch
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import NullTracker
from tests.published import shots_of, write_city


@pytest.fixture
def target(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact"


def test_a_copy_is_noted_and_left_untouched(tmp_path, target):
    copy = tmp_path / "copy"
    write_city(copy, "Rome", shots_of(1, 2))
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    facts = fetch(target, tracker=NullTracker(), path=str(copy))
    assert facts == {"path": str(copy)}
    assert image_root(target) == copy
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before
    assert [path.name for path in target.iterdir()] == ["location.json"]


def test_a_relative_path_and_a_tilde_are_made_whole(tmp_path, target, monkeypatch):
    write_city(tmp_path / "2024", "Rome", shots_of(1, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("2024", 2024, "~/2024"):  # the command line reads 2024 as a number
        fetch(target, tracker=NullTracker(), path=path)
        assert image_root(target) == tmp_path / "2024"


def test_a_folder_that_is_missing_or_laid_out_otherwise_is_refused_with_what_it_holds(tmp_path, target):
    with pytest.raises(DataError, match=r"is no copy of GSV-Cities: Images/ is neither .* \(found: no such"):
        fetch(target, tracker=NullTracker(), path=str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"found: an empty folder\)\. Expected a folder that holds Images/<City>/"):
        fetch(target, tracker=NullTracker(), path=str(tmp_path / "empty"))
    (tmp_path / "zipped").mkdir()
    (tmp_path / "zipped" / "gsv-cities.zip").touch()
    with pytest.raises(DataError, match=r"\(found: gsv-cities.zip\)"):
        fetch(target, tracker=NullTracker(), path=str(tmp_path / "zipped"))
    assert list(target.iterdir()) == []
