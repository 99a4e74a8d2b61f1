"""A published city, and catalogs built of it."""

import itertools

import pytest

from gsv_pipeline.catalog.build import build_catalog
from gsv_pipeline.sources.location import Location
from gsv_pipeline.tracking import NullTracker
from tests.catalog.building.builds import CITY
from tests.published import shots_of, write_city


@pytest.fixture
def shots():
    return shots_of(places=3, images=4)


@pytest.fixture
def photos(tmp_path, shots):
    return write_city(tmp_path / "set", CITY, shots)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "set"


@pytest.fixture
def build(tmp_path, root):
    """What is built of `root`; each build goes on from the one before, unless it is told otherwise."""
    folders, numbers = [], itertools.count()

    def build(*, fresh=False, **options):
        target = tmp_path / f"build_{next(numbers)}"
        target.mkdir()
        previous = folders[-1] if folders and not fresh else None
        built = build_catalog(Location(root), target=target, previous=previous, tracker=NullTracker(), **options)
        folders.append(target)
        return built

    return build
