"""A server that fails as it is told to, and a download with the patience of a test."""

import pytest

from gsv_pipeline.sources.downloads.download import Patience, download
from tests.loopback import loopback
from tests.sources.downloads.setting import Recording


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with loopback() as running:
        yield running


@pytest.fixture
def tracker():
    return Recording()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def silence_s(request):
    """Of a server, before a download gives up on it: short only where silence is what is tested."""
    return 0.4 if "silence" in request.node.name or "brings_nothing" in request.node.name else 20.0


@pytest.fixture
def get(tmp_path, tracker, waits, silence_s):
    """Download with the patience of a test; the folder is a neighbour's neighbour, so that strays are seen."""
    folder = tmp_path / "root" / "downloads"
    folder.mkdir(parents=True)
    patience = Patience(tries=3, silence_s=silence_s, sleep=waits.append, share=lambda low, high: high)

    def run(url, **options):
        try:
            return download(url, folder, **{"tracker": tracker, "patience": patience, **options})
        finally:
            assert [path.name for path in tmp_path.iterdir()] == ["root"]
            assert [path.name for path in folder.parent.iterdir()] == ["downloads"]

    run.folder = folder
    return run
