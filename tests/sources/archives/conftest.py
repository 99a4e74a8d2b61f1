"""A folder to unpack archives in."""

import pytest

from tests.sources.archives.packing import Sandbox


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path)
