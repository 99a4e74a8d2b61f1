"""Versions are made: what DVC keeps, what git is told, and what stays untouched."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gsv_pipeline import stages
from gsv_pipeline.data_versions.history import versions
from gsv_pipeline.data_versions.restore import restore
from gsv_pipeline.data_versions.snapshot import snapshot
from gsv_pipeline.errors import ConfigError, DataError, RunError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, why_stale
from gsv_pipeline.recipes import dataset as dataset_recipe
from gsv_pipeline.sources.location import Location, image_root, read_location
from gsv_pipeline.sources.published import Listing, read_listing
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo
from tests.versioned import FREE, PROTECTED, Repository, contents, times

QUIET = NullTracker()


def test_a_version_comes_back_with_its_bytes_and_what_did_not_change_keeps_its_time(
    repository: Repository, fetch: Callable[[str], Path]
) -> None:
    artifact = fetch(FREE)
    first = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="First")
    before, at_first = contents(artifact), times(artifact)
    changed = sorted((artifact / "Images" / "London").iterdir())[0]
    save_photo(changed, seed=99)
    save_photo(artifact / "Images" / "Berlin" / "new.JPG", seed=98)
    second = snapshot(repository.layout, FREE, tracker=QUIET, message="Second")

    restored = restore(repository.layout, FREE, first.commit, tracker=QUIET)

    assert contents(artifact) == before
    assert times(artifact) == at_first
    assert restored.record.content == first.record.content != second.record.content
    manifest = read_manifest(artifact)
    assert manifest is not None
    assert manifest.data_version == restored.data_version == read_listing(artifact).version
    assert manifest.metadata["dvc"]["md5"] == first.record.content.md5
    assert [(found.message, found.is_present) for found in versions(repository.layout, FREE)] == [
        ("Second", False),
        ("First", True),
    ]
    assert restored.as_snapshot


def test_a_data_set_used_where_it_lies_gets_the_hash_that_dvc_would_give_its_copy(
    repository: Repository, copy: Path, fetch: Callable[[str], Path]
) -> None:
    save_photo(copy / "Images" / "London" / "Prästgården 1.JPG", seed=7)
    (copy / "Images" / "London" / ".hidden").write_text("no image")
    (copy / "read me.txt").write_text("not of the published layout")
    artifact = fetch(PROTECTED)
    fetched = read_manifest(artifact)
    assert fetched is not None
    originals = contents(copy), times(copy)

    alone = snapshot(repository.layout, PROTECTED, tracker=QUIET, message="By its hash")
    assert not alone.record.stored
    assert alone.to_commit == (f"data/dataset/{PROTECTED}.version.json",)
    assert not (repository.path / ".dvc" / "cache").exists()

    kept = snapshot(repository.layout, PROTECTED, tracker=QUIET, copy=True)
    assert kept.record.content == alone.record.content
    assert kept.record.stored
    # The record of the hash alone is superseded, so both are for git to hear of.
    assert kept.to_commit == (f"data/dataset/{PROTECTED}.dvc", f"data/dataset/{PROTECTED}.version.json")
    assert image_root(artifact) == artifact
    assert (contents(copy), times(copy)) == originals
    copied = artifact / "Images" / "London" / "Prästgården 1.JPG"
    assert copied.stat().st_nlink == 1
    noted = read_manifest(artifact)
    assert noted is not None
    assert noted.data_version == fetched.data_version == read_listing(artifact).version
    assert noted.fingerprint == fetched.fingerprint
    assert noted.metadata.pop("dvc")["md5"] == kept.record.content.md5
    assert noted == fetched
    assert why_stale(repository.layout, dataset_recipe(repository.layout, PROTECTED, fetched.config)) is None

    _refuse_commits(repository)
    with pytest.raises(RunError, match="did not commit it.*hook says no"):
        snapshot(repository.layout, PROTECTED, tracker=QUIET, message="Refused")
    assert repository.git("status", "--short").splitlines() == [
        f" D data/dataset/{PROTECTED}.version.json",
        f"?? data/dataset/{PROTECTED}.dvc",
    ]


def _refuse_commits(repository: Repository) -> None:
    hook = repository.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho hook says no >&2\nexit 1\n")
    hook.chmod(0o755)


def test_a_message_commits_the_version_and_leaves_everything_else_as_it_was(
    repository: Repository, fetch: Callable[[str], Path]
) -> None:
    fetch(FREE)
    (repository.path / "staged.txt").write_text("half-done work")
    repository.git("add", "staged.txt")
    (repository.path / "dvc.yaml").write_text("stages: {}\n")

    made = snapshot(repository.layout, FREE, tracker=QUIET, copy=True, message="A version\n\nwith a reason")

    assert repository.git("show", "--format=%B", "--name-only", made.commit).split() == [
        *("A", "version", "with", "a", "reason"),
        f"data/dataset/{FREE}.dvc",
    ]
    assert repository.git("status", "--short", "--untracked-files=all").splitlines() == [
        " M dvc.yaml",
        "A  staged.txt",
        f"?? data/datasets/{FREE}.yaml",
    ]
    again = snapshot(repository.layout, FREE, tracker=QUIET, message="Nothing new")
    assert (again.commit, again.to_commit) == ("", ())


@pytest.mark.parametrize("below", [".", "data [1] é"])
def test_a_version_is_committed_whatever_the_folders_around_it_are_called(
    below: str, tmp_path: Path, copy: Path
) -> None:
    root = tmp_path / "my data é"  # git quotes a space, and any letter that is not ASCII
    repository = Repository(root / below)
    repository.path.mkdir(parents=True)
    for command in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "Start")):
        Repository(root).git(*command)
    repository.dvc("init", "--quiet", *(() if below == "." else ("--subdir",)))
    layout = Layout(repository.path / "données of 1")
    (repository.path / ".dvcignore").write_text("/**/dataset/*/manifest.json\n/**/dataset/*/location.json\n")
    repository.git("commit", "--quiet", "--all", "--message", "DVC")
    stages.fetch_dataset(layout, PROTECTED, tracker=QUIET, source="folder", arguments={"path": str(copy)})

    assert len(snapshot(layout, PROTECTED, tracker=QUIET, message="Its hash").commit) == 40
    made = snapshot(layout, PROTECTED, tracker=QUIET, copy=True, message="Its bytes")
    files = [f"données of 1/dataset/{name}" for name in (".gitignore", "gsv_cities.dvc", "gsv_cities.version.json")]
    assert list(made.to_commit) == files
    shown = repository.git("show", "--format=", "-z", "--name-only", "--no-renames", "--relative", made.commit)
    assert shown.split("\0")[:-1] == files
    assert [found.message for found in versions(layout, PROTECTED)] == ["Its bytes", "Its hash"]
    assert snapshot(layout, PROTECTED, tracker=QUIET, message="Nothing new").to_commit == ()
    before = contents(layout.dataset(PROTECTED))
    save_photo(sorted((layout.dataset(PROTECTED) / "Images" / "London").iterdir())[0], seed=9)
    restore(layout, PROTECTED, made.commit, tracker=QUIET, force=True)
    assert contents(layout.dataset(PROTECTED)) == before


def test_links_are_followed_but_not_in_circles(
    repository: Repository, copy: Path, fetch: Callable[[str], Path]
) -> None:
    london = copy / "Images" / "London"
    save_photo(copy.parent / "elsewhere" / "linked.JPG", seed=5)
    (london / "more").symlink_to(copy.parent / "elsewhere")
    (london / "circle").symlink_to(copy / "Images")
    artifact = fetch(PROTECTED)
    alone = snapshot(repository.layout, PROTECTED, tracker=QUIET)
    kept = snapshot(repository.layout, PROTECTED, tracker=QUIET, copy=True)
    assert kept.record.content == alone.record.content
    assert (artifact / "Images" / "London" / "more" / "linked.JPG").is_file()
    assert not any("circle" in name for name in contents(artifact))


def test_photographs_are_copied_below_the_manifest_and_found_again_in_a_clone(
    repository: Repository, tmp_path: Path
) -> None:
    root = tmp_path / "photographs"
    names = [f"@{500_000 + east}@5700000@@@.jpg" for east in range(0, 400, 100)]
    for seed, name in enumerate(names):
        save_photo(root / name, seed=seed)
    layout = repository.layout
    stages.fetch_dataset(layout, "mine", tracker=QUIET, source="photographs", arguments={"path": str(root)})
    before = read_manifest(layout.dataset("mine"))
    alone = snapshot(layout, "mine", tracker=QUIET)
    made = snapshot(layout, "mine", tracker=QUIET, copy=True, message="Mine")
    assert before is not None
    assert made.record.content == alone.record.content
    here = read_location(layout.dataset("mine"))
    assert here.layout == "photographs"
    assert here.root == layout.dataset("mine") / "photographs"
    assert read_listing(here.root).version == before.data_version
    outputs = yaml.safe_load((layout.root / "dataset" / "mine.dvc").read_text())["outs"]
    assert outputs[0]["push"] is False  # nobody said that others may have them

    other = repository.clone(tmp_path / "clone")
    repository.dvc("cache", "dir", "--project", str(repository.path / ".dvc" / "cache"))
    (other.path / ".dvc" / "config").write_text((repository.path / ".dvc" / "config").read_text())
    restore(other.layout, "mine", "HEAD", tracker=QUIET)
    there = read_location(other.layout.dataset("mine"))
    assert contents(there.root) == contents(root)
    assert replace(there, root=here.root) == here


def test_an_interrupted_copy_goes_on_and_leaves_nothing_of_another_one(
    repository: Repository, copy: Path, fetch: Callable[[str], Path]
) -> None:
    artifact = fetch(FREE)
    name = sorted(contents(copy))[-1]
    status = (copy / name).stat()
    (artifact / name).parent.mkdir(parents=True)
    (artifact / name).write_bytes(b"x" * status.st_size)
    os.utime(artifact / name, ns=(status.st_atime_ns, status.st_mtime_ns))  # as copied before: not copied again
    (artifact / "Images" / "London" / "other.JPG.part").write_bytes(b"cut off")
    snapshot(repository.layout, FREE, tracker=QUIET, copy=True)
    assert contents(artifact) == {**contents(copy), name: b"x" * status.st_size}


@pytest.mark.parametrize("ignored", [".gitignore", ".dvcignore"])
def test_ignore_files_that_would_spoil_a_version_are_named(
    ignored: str, repository: Repository, fetch: Callable[[str], Path]
) -> None:
    fetch(PROTECTED)
    (repository.path / ignored).write_text("data/*\n" if ignored == ".gitignore" else "\n")
    said = "git ignores data/dataset/gsv_cities.dvc" if ignored == ".gitignore" else r"/\*\*/dataset/\*/manifest.json"
    with pytest.raises(ConfigError, match=said):
        snapshot(repository.layout, PROTECTED, tracker=QUIET, copy=True)
    assert not list((repository.path / "data" / "dataset").glob("*.dvc"))


def test_a_snapshot_says_what_it_needs(
    repository: Repository, copy: Path, fetch: Callable[[str], Path], tmp_path: Path
) -> None:
    layout = repository.layout
    with pytest.raises(ConfigError, match="output of the stage 'fetch' in dvc.yaml.*dvc repro"):
        snapshot(layout, "demo", tracker=QUIET)
    with pytest.raises(ConfigError, match="Unknown data set 'gsv_citys'. Did you mean 'gsv_cities'"):
        snapshot(layout, "gsv_citys", tracker=QUIET)
    with pytest.raises(StaleInputError, match="Run: gsv-pipeline fetch gsv_cities"):
        snapshot(layout, PROTECTED, tracker=QUIET)
    with pytest.raises(ConfigError, match="no DVC repository.*git init && dvc init"):
        snapshot(Layout(tmp_path / "elsewhere"), PROTECTED, tracker=QUIET)
    (tmp_path / "no_git" / ".dvc").mkdir(parents=True)
    with pytest.raises(ConfigError, match="is no git repository"):
        snapshot(Layout(tmp_path / "no_git" / "data"), PROTECTED, tracker=QUIET)
    (repository.path / "linked").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="leads out of the repository"):
        snapshot(Layout(repository.path / "linked"), PROTECTED, tracker=QUIET)
    fetch(PROTECTED)
    for file in sorted(copy.rglob("*.*")):
        file.unlink()
    with pytest.raises(DataError, match="holds no file"):
        snapshot(layout, PROTECTED, tracker=QUIET)


def test_a_table_of_places_outside_the_photographs_is_in_no_version(repository: Repository, tmp_path: Path) -> None:
    save_photo(tmp_path / "photographs" / "one.jpg", seed=1)
    (tmp_path / "places.csv").write_text("image,place_id\none.jpg,1\n")
    arguments = {"path": str(tmp_path / "photographs"), "table": str(tmp_path / "places.csv")}
    stages.fetch_dataset(repository.layout, "mine", tracker=QUIET, source="photographs", arguments=arguments)
    with pytest.raises(DataError, match="Put it into the folder"):
        snapshot(repository.layout, "mine", tracker=QUIET)


def test_files_that_change_meanwhile_make_no_version(
    repository: Repository, copy: Path, fetch: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(PROTECTED)
    seen: list[str] = []

    def listing(location: Location) -> Listing:
        seen.append(str(len(seen)))
        return Listing(seen[-1], files=1, bytes=1)

    monkeypatch.setattr("gsv_pipeline.data_versions.snapshot.listing_of", listing)
    with pytest.raises(RunError, match="changed while they were read"):
        snapshot(repository.layout, PROTECTED, tracker=QUIET)
    noted = json.loads((repository.layout.dataset(PROTECTED) / "manifest.json").read_text())
    assert "dvc" not in noted["metadata"]
