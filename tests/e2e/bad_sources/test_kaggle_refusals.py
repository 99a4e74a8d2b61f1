"""What Kaggle refuses or damages, in a data root that holds a sound data set."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from tests import kaggle_server
from tests.e2e.bad_sources.sound import check_replaced, check_sound, nothing_changes, town_files
from tests.kaggle_server import ARCHIVE, VIEW, KaggleServer
from tests.towns import Town, zipped


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A Kaggle, a user without credentials or a cache, and no patience between attempts."""
    home = tmp_path / "home"
    home.mkdir()
    with KaggleServer(home, b"") as started:
        kaggle_server.lead_to(started, monkeypatch, home=home)
        yield started


def test_what_kaggle_refuses_or_damages_leaves_the_data_set_of_before_sound(
    kaggle: KaggleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = Town(Layout(tmp_path / "world" / "data"), "gsv_cities")
    kaggle.archive = zipped(town_files(tmp_path / "files", places=3))
    town.fetch()
    town.catalog()
    version = town.version
    kaggle.archive = zipped(town_files(tmp_path / "files", places=4))
    for endpoint, answer, code, says in (
        (VIEW, kaggle_server.status(403), 2, "(403): it is private, does not exist, or asks for consent to its terms"),
        (VIEW, kaggle_server.status(429), 1, "Kaggle asks to wait: too many requests"),
        (ARCHIVE, kaggle_server.page, 1, "came a web page"),
        (ARCHIVE, kaggle_server.wrong_hash, 1, "arrived damaged"),
    ):
        kaggle.answers[endpoint].extend([answer] * 20)
        with nothing_changes(town):
            assert town.run("fetch", "--force") == code
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith("Error: ")
        assert says in said
        check_sound(town, version)
        kaggle.answers.clear()
    check_replaced(town, town.fetch(), images=32)
