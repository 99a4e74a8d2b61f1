"""Versions come back whole or not at all, and nothing that only the folder holds is lost."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gsv_pipeline.data_versions import restore as restoring
from gsv_pipeline.data_versions.restore import pull, restore
from gsv_pipeline.data_versions.snapshot import snapshot
from gsv_pipeline.errors import ConfigError, DataError, RunError, StoppedError
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo
from tests.versioned import FREE, PROTECTED, Repository, contents

QUIET = NullTracker()


def test_what_no_version_holds_is_not_given_up_unasked(repository: Repository, fetch: Callable[[str], Path]) -> None:
    artifact = fetch(FREE)
    first = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    record = repository.layout.root / "dataset" / f"{FREE}.dvc"
    text = record.read_text()

    added = save_photo(artifact / "Images" / "London" / "added.JPG", seed=55)
    with pytest.raises(DataError, match=r"1 files .* are in no version .* added.JPG.*--force"):
        restore(repository.layout, FREE, "HEAD", tracker=QUIET)
    assert added.is_file()
    assert record.read_text() == text

    snapshot(repository.layout, FREE, tracker=QUIET)  # kept, but no commit names it
    uncommitted = record.read_text()
    with pytest.raises(DataError, match=r"is in no commit and would be forgotten.*git add data/dataset/town.dvc"):
        restore(repository.layout, FREE, first.commit, tracker=QUIET)
    assert record.read_text() == uncommitted

    restore(repository.layout, FREE, first.commit, tracker=QUIET, force=True)
    assert not added.exists()
    assert record.read_text() == text


def test_an_interrupted_restore_goes_on(
    repository: Repository, fetch: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = fetch(FREE)
    first = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    before = contents(artifact)
    for seed, image in enumerate(sorted((artifact / "Images" / "London").iterdir())[:3]):
        save_photo(image, seed=50 + seed)
    second = snapshot(repository.layout, FREE, tracker=QUIET, message="Second")
    # Killed in the middle: the record is the first version's, one image is, one is gone, one half there under the
    # name that DVC gives it until it is whole, and the manifest is the second version's.
    record = f"data/dataset/{FREE}.dvc"
    (repository.path / record).write_text(repository.git("show", f"{first.commit}:{record}") + "\n")
    name = next(name for name in sorted(before) if name.startswith("Images"))
    (artifact / name).write_bytes(before[name])
    sorted((artifact / "Images" / "London").iterdir())[1].unlink()
    torn = artifact / "Images" / "London" / ".aqkQ_KSkPF2-XaEnfIkffA.tmp"
    torn.write_bytes(b"half")

    assert restore(repository.layout, FREE, first.commit, tracker=QUIET).record.content == first.record.content
    assert contents(artifact) == before
    assert not torn.exists()

    def stop(*_: object, **__: object) -> None:
        raise StoppedError("stopped by SIGTERM")

    monkeypatch.setattr(restoring, "_check_out", stop)
    with pytest.raises(StoppedError):
        restore(repository.layout, FREE, second.commit, tracker=QUIET)
    assert repository.git("diff", "--stat", first.commit, "--", record) == ""
    assert contents(artifact) == before


def test_a_version_that_is_nowhere_leaves_the_folder_as_it_is(
    repository: Repository, fetch: Callable[[str], Path], tmp_path: Path
) -> None:
    artifact = fetch(FREE)
    first = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    save_photo(sorted((artifact / "Images" / "London").iterdir())[0], seed=50)
    snapshot(repository.layout, FREE, tracker=QUIET, message="Second")
    before, manifest = contents(artifact), read_manifest(artifact)
    shutil.rmtree(repository.path / ".dvc" / "cache")

    with pytest.raises(ConfigError, match="no default remote.*dvc remote add"):
        restore(repository.layout, FREE, first.commit, tracker=QUIET)
    repository.dvc("remote", "add", "--default", "empty", str(tmp_path / "empty"))
    with pytest.raises(RunError, match="remote 'empty'.*What is here is as it was"):
        restore(repository.layout, FREE, first.commit, tracker=QUIET)
    with pytest.raises(ConfigError, match="Unknown remote of DVC 'emtpy'. Did you mean 'empty'"):
        restore(repository.layout, FREE, first.commit, tracker=QUIET, remote="emtpy")
    assert (contents(artifact), read_manifest(artifact)) == (before, manifest)
    assert repository.git("status", "--short", "data/dataset") == ""


def test_revisions_without_a_version_are_named(repository: Repository, fetch: Callable[[str], Path]) -> None:
    layout = repository.layout
    with pytest.raises(ConfigError, match="no data/dataset/gsv_cities.dvc.*git pull"):
        pull(layout, PROTECTED, tracker=QUIET)
    with pytest.raises(ConfigError, match="no version of 'gsv_cities'. No version of it was ever committed"):
        restore(layout, PROTECTED, "HEAD", tracker=QUIET)
    fetch(PROTECTED)
    alone = snapshot(layout, PROTECTED, tracker=QUIET, message="By its hash")
    with pytest.raises(ConfigError, match=f"no revision 'v1'.*{alone.commit[:12]} .*By its hash"):
        restore(layout, PROTECTED, "v1", tracker=QUIET)
    with pytest.raises(ConfigError, match="no revision '--all'"):
        restore(layout, PROTECTED, "--all", tracker=QUIET)
    with pytest.raises(ConfigError, match="At 'HEAD~1' there is no version.*By its hash"):
        restore(layout, PROTECTED, "HEAD~1", tracker=QUIET)
    with pytest.raises(DataError, match=f"only its hash was kept.*{alone.record.content.md5}.*--copy"):
        restore(layout, PROTECTED, "HEAD", tracker=QUIET)
    with pytest.raises(DataError, match="holds a hash alone"):
        pull(layout, PROTECTED, tracker=QUIET)


def test_a_record_that_points_out_of_the_data_set_is_refused_before_anything_changes(
    repository: Repository, fetch: Callable[[str], Path], copy: Path
) -> None:
    artifact = fetch(FREE)
    first = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    save_photo(sorted((artifact / "Images" / "London").iterdir())[0], seed=50)
    snapshot(repository.layout, FREE, tracker=QUIET, message="Second")
    record = repository.layout.dvc_file(FREE)
    text = record.read_text()
    values = yaml.safe_load(repository.git("show", f"{first.commit}:./data/dataset/{FREE}.dvc"))
    values["meta"]["gsv_pipeline"]["location"] = {"root": str(copy), "layout": "published", "arguments": {}}
    record.write_text(yaml.safe_dump(values))
    repository.git("commit", "--quiet", "--all", "--message", "By somebody else")
    before = contents(artifact)
    with pytest.raises(DataError, match=f"{copy}, expected a place inside the folder"):
        pull(repository.layout, FREE, tracker=QUIET, force=True)
    record.write_text(text)
    with pytest.raises(DataError, match=r"Nothing was changed. See who committed it \(git log\)"):
        restore(repository.layout, FREE, "HEAD", tracker=QUIET, force=True)
    assert (record.read_text(), contents(artifact)) == (text, before)
    assert image_root(artifact) == artifact


def test_a_record_that_is_none_is_refused(repository: Repository, fetch: Callable[[str], Path]) -> None:
    artifact = fetch(FREE)
    record = repository.layout.root / "dataset" / f"{FREE}.dvc"
    for text in ("outs: [", "outs: []", "nothing: else", "- a", "outs:\n- md5: 1\n  path: town\n"):
        record.write_text(text)
        with pytest.raises(DataError, match=r"town.dvc is no version of a data set"):
            pull(repository.layout, FREE, tracker=QUIET)
    record.unlink()
    # Made by hand, without the facts that a clone needs.
    shutil.copytree(artifact, artifact.with_name("by_hand"))
    repository.dvc("add", "--quiet", "data/dataset/by_hand")
    (artifact.with_name("by_hand") / "manifest.json").unlink()
    with pytest.raises(DataError, match="made by `dvc add` itself.*--source folder"):
        pull(repository.layout, "by_hand", tracker=QUIET)
