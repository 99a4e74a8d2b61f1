"""Two folders that hold images which cannot be read: known before any is described, with what to do."""

import pytest

from gsv_pipeline import cli, views
from gsv_pipeline.compose import matching
from gsv_pipeline.errors import DataError
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo
from tests.tiny import tiny_experiment


@pytest.fixture
def folders(tmp_path):
    """Three photographs to search, two to search with."""
    for side, count in (("database", 3), ("queries", 2)):
        for number in range(count):
            save_photo(tmp_path / side / f"{number}.jpg", 10 * len(side) + number, size=(64, 48))
    return {side: tmp_path / side for side in ("database", "queries")}


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-200])


def damage(path):
    """A marker that no scan may hold, in the middle of one; both ends stay."""
    content = bytearray(path.read_bytes())
    middle = len(content) * 3 // 4
    content[middle : middle + 8] = b"\xff\xc4\xff\xc4\xff\xc4\xff\xc4"
    path.write_bytes(bytes(content))


def test_files_that_cannot_be_read_are_all_named_before_a_model_is_loaded(chain_layout, folders, monkeypatch, capsys):
    cut_short(folders["queries"] / "1.jpg")
    (folders["database"] / "2.jpg").write_bytes(b"")
    monkeypatch.setattr(matching, "load_model", lambda *_: pytest.fail("a model was loaded"))
    command = ["--data-root", str(chain_layout.root), "match", *map(str, folders.values()), "--experiment", "demo"]
    assert cli.run(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "2 of 5 images cannot be read:" in said
    assert f"{folders['database']}/2.jpg (empty image: 0 bytes), {folders['queries']}/1.jpg (truncated image:" in said
    assert "None has been described yet. Put right or remove what cannot be read, and run the same command" in said


def test_damage_that_only_decoding_shows_ends_with_what_to_do(chain_layout, folders):
    damage(folders["queries"] / "1.jpg")
    with pytest.raises(DataError, match=r"queries/1\.jpg .*Put right or remove what cannot be read, and run the same"):
        views.match(chain_layout, tiny_experiment(chain_layout), **folders, tracker=NullTracker())
