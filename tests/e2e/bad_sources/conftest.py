"""A data root that holds a sound data set, and a server with a better one that is fetched when something fails."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import archive
from gsv_pipeline.sources.downloads.download import Patience, download
from tests.e2e.bad_sources.bad_fetches import CUT_AT, GOOD, NEW, SECRET, TRIES, UNPACKS_AT, Bad
from tests.e2e.bad_sources.sound import town_files
from tests.loopback import Loopback, loopback
from tests.towns import DATASET, Town, zipped


@pytest.fixture(scope="module")
def surroundings() -> Iterator[tuple[Loopback, list[float]]]:
    """A server, and what downloads would have waited for it."""
    waits: list[float] = []
    quick = Patience(tries=TRIES, silence_s=20.0, sleep=waits.append)
    with pytest.MonkeyPatch.context() as patch, loopback() as running:
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setattr(archive, "download", partial(download, patience=quick))
        yield running, waits


@pytest.fixture(scope="module")
def good_root(surroundings: tuple[Loopback, list[float]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a sound data set; the server keeps its archive at GOOD."""
    server, _ = surroundings
    folder = tmp_path_factory.mktemp("good")
    town = Town(Layout(folder / "data"))
    town.fetch(url=server.put(GOOD, zipped(town_files(folder / "files", places=3))))
    town.catalog()
    stages.require_sound(town.layout, DATASET)
    return town.layout.root


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of the data set as it is published next."""
    return zipped(town_files(tmp_path_factory.mktemp("better"), places=4))


@pytest.fixture
def server(surroundings: tuple[Loopback, list[float]]) -> Loopback:
    running, waits = surroundings
    running.faults.clear()
    running.seen.clear()
    waits.clear()
    return running


@pytest.fixture
def waits(surroundings: tuple[Loopback, list[float]]) -> list[float]:
    return surroundings[1]


@pytest.fixture
def town(good_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A private copy, in a folder of its own that is also where this process works and has its temporary files."""
    shutil.copytree(good_root, tmp_path / "world" / "data")
    for name in ("here", "tmp"):
        (tmp_path / "world" / name).mkdir()
    monkeypatch.chdir(tmp_path / "world" / "here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "world" / "tmp"))
    return Town(Layout(tmp_path / "world" / "data"))


@pytest.fixture
def address(server: Loopback, better: bytes) -> str:
    """Of the better archive, with a secret in it."""
    assert CUT_AT < len(better) < UNPACKS_AT
    return server.put(f"{NEW}?key={SECRET}", better)


@pytest.fixture
def bring(server: Loopback, address: str, better: bytes, tmp_path: Path) -> Callable[[Bad], dict[str, str]]:
    """Set up what goes wrong; returns the arguments of a fetch that meets it."""

    def arrange(bad: Bad) -> dict[str, str]:
        content = better if bad.content is None else bad.content()
        (tmp_path / "town.zip").write_bytes(content)
        server.put(f"{NEW}?key={SECRET}", content)
        if bad.faults:
            server.fail(f"{NEW}?key={SECRET}", *bad.faults, *[bad.faults[-1]] * 20)
        where = {"path": str(tmp_path / "town.zip")} if bad.is_here else {"url": address}
        return where if bad.sha256 is None else {**where, "sha256": bad.sha256}

    return arrange
