"""Images to test on: used where they lie, or unpacked from an archive, an archive in it too; never changed."""

import io
import zipfile
from dataclasses import replace
from functools import partial

import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.fetching import plan_fetch
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources import DATASETS, archive, folder
from gsv_pipeline.sources.downloads.addresses import check_url, without_secrets
from gsv_pipeline.sources.downloads.download import Patience, download
from gsv_pipeline.sources.location import BENCHMARK_IMAGES, image_root, read_location
from gsv_pipeline.tracking import NullTracker
from tests.loopback import Fault, loopback
from tests.published import save_photo

SETS = {name: row for name, row in DATASETS.items() if not row.has_catalog}


def zipped(files):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return raw.getvalue()


@pytest.fixture
def target(tmp_path):
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact"


@pytest.fixture
def images(tmp_path):
    for name in ("ref/0.jpg", "query/0.jpg"):
        save_photo(tmp_path / "images" / name, 1)
    return tmp_path / "images"


def test_there_are_sets_of_images_to_test_on():
    assert len(SETS) >= 14
    assert {"demo", "gsv_cities"} <= set(DATASETS) - set(SETS)


@pytest.mark.parametrize("name", sorted(SETS))
def test_each_set_says_where_to_get_it_and_its_terms(name):
    row = SETS[name]
    assert "https://" in row.how_to_get
    assert f"gsv-pipeline fetch {name} --source folder path=" in row.how_to_get
    assert row.licence
    assert not row.redistributable
    assert row.source in ("folder", "archive")
    if row.source == "archive":
        check_url(row.arguments["url"])


def test_a_folder_is_noted_with_its_lists_and_left_untouched(target, images, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "gt.npy").touch()
    before = {path: path.stat().st_mtime_ns for path in images.rglob("*")}
    lists = str(tmp_path / "lists")
    facts = folder.fetch(target, tracker=NullTracker(), path=str(images), lists=lists, layout=BENCHMARK_IMAGES)
    assert facts == {"path": str(images), "lists": lists}
    location = read_location(target)
    assert (location.root, location.layout, location.arguments) == (images, BENCHMARK_IMAGES, {"lists": lists})
    assert {path: path.stat().st_mtime_ns for path in images.rglob("*")} == before


def test_a_folder_that_is_missing_or_empty_is_refused(target, tmp_path, images):
    (tmp_path / "empty").mkdir()
    fetch = partial(folder.fetch, target, tracker=NullTracker(), layout=BENCHMARK_IMAGES)
    with pytest.raises(DataError, match="absent is no folder"):
        fetch(path=str(tmp_path / "absent"))
    with pytest.raises(DataError, match="empty is empty"):
        fetch(path=str(tmp_path / "empty"))
    with pytest.raises(DataError, match="absent is no folder"):
        fetch(path=str(images), lists=str(tmp_path / "absent"))


def test_training_images_have_no_lists(target, images):
    with pytest.raises(ConfigError, match="'lists' is for images to test on"):
        folder.fetch(target, tracker=NullTracker(), path=str(images), lists=str(images))


def test_how_a_set_is_laid_out_is_not_for_the_user_to_say(tmp_path, images):
    layout = Layout(tmp_path / "data")
    with pytest.raises(ConfigError, match="unexpected argument 'layout'"):
        plan_fetch(layout, "sped", source="folder", arguments={"path": str(images), "layout": "published"})


def test_the_whole_stage_fetches_a_set_in_place(tmp_path, images):
    layout = Layout(tmp_path / "data")
    given = {"path": str(images)}
    first = stages.fetch_dataset(layout, "pitts30k", tracker=NullTracker(), source="folder", arguments=given)
    assert image_root(layout.dataset("pitts30k")) == images
    assert first.metadata["files"] == 2
    assert stages.fetch_dataset(layout, "pitts30k", tracker=NullTracker()).cached
    save_photo(images / "ref" / "1.jpg", 2)
    again = stages.fetch_dataset(layout, "pitts30k", tracker=NullTracker())
    assert again.data_version != first.data_version


def test_a_set_that_must_be_asked_for_says_so_when_no_path_is_given(tmp_path):
    with pytest.raises(ConfigError, match=r"argument 'path' is missing.*form of its authors, https://forms\.gle"):
        stages.fetch_dataset(Layout(tmp_path / "data"), "sf_xl", tracker=NullTracker())


def test_an_archive_in_the_archive_is_unpacked_too(target, tmp_path):
    photo = save_photo(tmp_path / "photo.jpg", 1).read_bytes()
    inner = zipped({"new/1.png": photo, "old/1.jpg": photo})
    (tmp_path / "data.zip").write_bytes(zipped({"AmsterTime-v1.0.zip": inner, "README.txt": b"read me"}))
    archive.fetch(
        target,
        tracker=NullTracker(),
        downloads=tmp_path,
        path=str(tmp_path / "data.zip"),
        layout=BENCHMARK_IMAGES,
    )
    root = image_root(target)
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert found == ["AmsterTime-v1.0/new/1.png", "AmsterTime-v1.0/old/1.jpg", "README.txt"]
    assert root.parent == target


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    quick = Patience(tries=2, silence_s=5.0, sleep=lambda seconds: None)
    monkeypatch.setattr(archive, "download", partial(download, patience=quick))
    with loopback() as running:
        yield running


def test_a_set_at_an_open_address_is_downloaded_resumed_proven_and_unpacked(tmp_path, server, monkeypatch):
    photo = save_photo(tmp_path / "photo.jpg", 1, size=(400, 300)).read_bytes()
    path = "/download?path=%2F&files=SPEDTEST.zip"
    content = zipped({"SPEDTEST/ref/0.jpg": photo, "SPEDTEST/query/0.jpg": photo})
    url = server.put(path, content)
    row = replace(DATASETS["sped"], arguments={"url": url})
    monkeypatch.setattr("gsv_pipeline.sources.own.DATASETS", {**DATASETS, "sped": row})
    server.fail(path, Fault(cut_after=len(content) // 2))
    layout = Layout(tmp_path / "data")
    done = stages.fetch_dataset(layout, "sped", tracker=NullTracker())
    root = image_root(layout.dataset("sped"))
    assert (root / "SPEDTEST" / "ref" / "0.jpg").read_bytes() == photo
    assert len(done.metadata["sha256"]) == 64
    assert [request.start for request in server.seen] == [0, len(content) // 2]
    assert not layout.downloads("sped").exists()
    kept = read_manifest(layout.dataset("sped")).config["arguments"]["url"]
    assert kept == without_secrets(url) != url
    # The address is the row's own, so it is whole again when the set is fetched once more.
    assert plan_fetch(layout, "sped").arguments["url"] == url
    assert not stages.fetch_dataset(layout, "sped", tracker=NullTracker(), force=True).cached
