"""A data root, a catalog's recipe, and that of places made from it."""

import pytest

from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "data")


@pytest.fixture
def catalog(layout):
    return Recipe(layout.catalog("demo"), {"catalog": 1}, {"size": 1}, "gsv-pipeline catalog demo")


@pytest.fixture
def places(layout, catalog):
    return Recipe(layout.places("demo"), {"places": 1}, {"filter": {"k": 4}}, "gsv-pipeline places demo", (catalog,))
