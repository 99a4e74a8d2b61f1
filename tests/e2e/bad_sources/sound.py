"""A sound data set in a data root, and what it means that it stays so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gsv_pipeline import stages
from gsv_pipeline.production import StageResult
from tests.e2e.bad_sources.bad_fetches import SECRET
from tests.published import shots_of
from tests.towns import Town, city_files, tree


def town_files(folder: Path, *, places: int) -> dict[str, bytes]:
    """Two cities; the text beside them shrinks to a hundredth in an archive."""
    cities = {city: shots_of(places, 4, north_of=north) for city, north in (("Rome", 41.0), ("Osaka", 34.0))}
    files = {name: data for city, shots in cities.items() for name, data in city_files(folder, city, shots).items()}
    return {**files, "README.txt": b"A town. " * 12_500}


@contextmanager
def nothing_changes(town: Town) -> Iterator[None]:
    """All artifacts stay as they are, nothing is written beside the data root, and no secret is written at all."""
    contents, outside = town.contents(), town.outside()
    yield
    assert town.contents() == contents
    assert town.outside() == outside
    assert secrets_below(town.layout.root) == []


def secrets_below(folder: Path) -> list[str]:
    return [name for name, (_, data) in tree(folder).items() if SECRET.encode() in data]


def check_sound(town: Town, version: str, *, is_kept: bool = True) -> None:
    """The data set of before is there, its catalog is kept, and comes out the same when it is made again."""
    assert town.version == version
    kept = town.catalog()
    assert kept.cached == is_kept
    again = town.catalog(force=True)
    assert (again.data_version, again.metadata["quarantined"]) == (kept.data_version, 0)
    stages.require_sound(town.layout, town.dataset)


def check_replaced(town: Town, result: StageResult, *, images: int) -> None:
    """Another data set is there, it is sound, and nothing of the troubles before is left."""
    assert not result.cached
    assert town.version == result.data_version
    catalog = town.catalog()
    assert not catalog.cached
    assert (catalog.metadata["images"], catalog.metadata["quarantined"]) == (images, 0)
    stages.require_sound(town.layout, town.dataset)
    assert not town.layout.failure(town.layout.dataset(town.dataset)).exists()
    assert not town.layout.downloads(town.dataset).exists()
    assert secrets_below(town.layout.root) == []
