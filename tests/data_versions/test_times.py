"""What is brought back is what it was to the catalog, too: equal bytes make nothing after them out of date."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.catalog import images
from gsv_pipeline.catalog.headers import COVERED_BYTES
from gsv_pipeline.data_versions.cache import listed_hashes, object_path
from gsv_pipeline.data_versions.repository import Tracked
from gsv_pipeline.data_versions.restore import pull, restore
from gsv_pipeline.data_versions.snapshot import snapshot
from gsv_pipeline.data_versions.times import give_times, stamps_of
from gsv_pipeline.production import StageResult
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo
from tests.versioned import FREE, Repository, contents, times

QUIET = NullTracker()


@pytest.fixture
def large(copy: Path) -> Path:
    """The copy with images of which header and end are not everything."""
    for seed, image in enumerate(sorted((copy / "Images" / "London").iterdir())):
        assert save_photo(image, seed=seed, size=(160, 120)).stat().st_size > COVERED_BYTES
    return copy


def catalog(repository: Repository) -> StageResult:
    return stages.build_catalog(repository.layout, FREE, tracker=QUIET)


def photos(artifact: Path) -> list[Path]:
    return sorted((artifact / "Images" / "London").iterdir())


def notes_of(repository: Repository) -> list[Path]:
    return sorted((repository.layout.root / "dataset" / f".{FREE}.times").iterdir())


@pytest.mark.parametrize("bring_back", ["restore", "pull"])
def test_what_is_brought_back_leaves_the_catalog_as_it_is(
    repository: Repository, large: Path, fetch: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, bring_back: str
) -> None:
    monkeypatch.setattr(images, "SMALL_CITY_BYTES", 0)  # as in a large city: nobody has read the images whole
    artifact = fetch(FREE)
    snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    at_first, before = times(artifact), catalog(repository)

    removed, changed, *_ = photos(artifact)
    removed.unlink()
    changed.write_bytes(changed.read_bytes()[::-1])
    if bring_back == "restore":
        restored = restore(repository.layout, FREE, "HEAD", tracker=QUIET, force=True)
    else:
        restored = pull(repository.layout, FREE, tracker=QUIET, force=True)

    assert restored.as_snapshot
    assert times(artifact) == at_first
    assert catalog(repository).data_version == before.data_version
    assert repository.git("status", "--short", "data/dataset") == ""  # notes of this machine are none for git


def test_a_copy_of_a_small_data_set_with_new_times_has_the_same_catalog(
    repository: Repository, large: Path, fetch: Callable[[str], Path]
) -> None:
    artifact = fetch(FREE)
    snapshot(repository.layout, FREE, tracker=QUIET, copy=True)
    before = catalog(repository)
    for number, path in enumerate(photos(artifact)):
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    after = catalog(repository)
    assert (after.cached, after.data_version) == (False, before.data_version)
    data = bytearray(photos(artifact)[0].read_bytes())
    data[COVERED_BYTES // 2 + 100] ^= 1  # neither in the first nor in the last bytes
    photos(artifact)[0].write_bytes(bytes(data))
    assert catalog(repository).data_version != before.data_version


def test_only_files_that_were_written_and_have_the_bytes_get_their_times_back(
    repository: Repository, fetch: Callable[[str], Path]
) -> None:
    artifact = fetch(FREE)
    content = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First").record.content
    at_first, cache = times(artifact), repository.path / ".dvc" / "cache"
    written, touched, other, linked = names = [path.relative_to(artifact).as_posix() for path in photos(artifact)[:4]]
    os.utime(artifact / touched, (1, 1))
    before = stamps_of(artifact)
    (artifact / written).write_bytes((artifact / written).read_bytes())
    data = (artifact / other).read_bytes()
    (artifact / other).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (artifact / linked).unlink()
    (artifact / linked).hardlink_to(cache / object_path(listed_hashes(cache, content)[linked]))
    new = times(artifact)

    give_times(Tracked(repository.path, repository.layout, FREE), content, cache=cache, before=before)

    now = times(artifact)
    assert [now[name] for name in names] == [at_first[written], 1_000_000_000, new[other], new[linked]]
    assert at_first[written] != new[written]


@pytest.mark.parametrize("damage", [None, b"no gzip", b""])
def test_without_its_note_a_version_comes_back_with_new_times_and_a_new_note(
    repository: Repository, fetch: Callable[[str], Path], damage: bytes | None
) -> None:
    artifact = fetch(FREE)
    snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    before, at_first = contents(artifact), times(artifact)
    (note,) = notes_of(repository)
    if damage is None:
        shutil.rmtree(note.parent)
    else:
        note.write_bytes(damage)
    photos(artifact)[0].unlink()
    assert not restore(repository.layout, FREE, "HEAD", tracker=QUIET, force=True).as_snapshot
    assert contents(artifact) == before
    assert times(artifact) != at_first
    assert notes_of(repository) == [note]
