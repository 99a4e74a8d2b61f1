"""The archive source from end to end: download, prove, unpack, find the data set; whatever fails, nothing is lost."""

import hashlib
import io
import json
import random
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest

from gsv_pipeline.errors import ConfigError, DataError, StoppedError
from gsv_pipeline.registry import check_arguments, resolve
from gsv_pipeline.sources import DATASETS, LIGHT_URL, SOURCES, archive, disk
from gsv_pipeline.sources.archive import fetch
from gsv_pipeline.sources.downloads.addresses import check_url
from gsv_pipeline.sources.downloads.download import Patience, download
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.tracking import NullTracker
from tests.loopback import Fault, loopback
from tests.published import shots_of, write_city
from tests.sources.archives.packing import tree

PATH = "/releases/gsv-cities-light.zip"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A data set in the published layout."""
    root = tmp_path_factory.mktemp("published")
    for city in ("Rome", "Osaka"):
        write_city(root, city, shots_of(2, 3))
    return root


def zipped(files, below=""):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as target:
        for name, content in sorted(files.items()):
            target.writestr(below + name, content)
    return raw.getvalue()


def tarred(files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as target:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return raw.getvalue()


@pytest.fixture
def published(copy):
    """As released: a zip that holds one folder."""
    return zipped(tree(copy), "gsv-cities-light/")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    quick = Patience(tries=2, silence_s=5.0, sleep=lambda seconds: None)
    monkeypatch.setattr(archive, "download", partial(download, patience=quick))
    with loopback() as running:
        yield running


class Room:
    """Folders as the pipeline makes them for a fetch; beside them nothing may appear."""

    def __init__(self, root):
        self.root, self.target, self.downloads = root, root / "partial", root / "downloads"
        self.downloads.mkdir()

    def fetch(self, **arguments):
        self.target.mkdir()
        before = set(self.root.iterdir())
        try:
            return fetch(self.target, **{"tracker": NullTracker(), "downloads": self.downloads, **arguments})
        except BaseException:
            for path in sorted(self.target.rglob("*"), reverse=True):  # as the pipeline clears away
                path.rmdir() if path.is_dir() else path.unlink()
            self.target.rmdir()
            before -= {self.target}
            raise
        finally:
            assert set(self.root.iterdir()) == before

    def downloaded(self):
        return [path for path in self.downloads.rglob("*") if path.is_file()]


@pytest.fixture
def room(tmp_path):
    (tmp_path / "room").mkdir()
    return Room(tmp_path / "room")


def test_a_release_is_downloaded_unpacked_and_found_below_its_folder(server, room, copy, published):
    url = server.put(f"{PATH}?token=secret", published)
    facts = room.fetch(url=url.replace("//", "//me:secret@"))
    assert facts["url"] == server.url(f"{PATH}?token=...")
    assert facts["sha256"] == hashlib.sha256(published).hexdigest()
    assert (facts["bytes"], facts["files"]) == (len(published), len(tree(copy)))
    assert facts["unpacked_bytes"] == sum(map(len, tree(copy).values()))
    assert facts["downloaded"].endswith("+00:00")
    root = image_root(room.target)
    assert root == room.target / "gsv-cities-light"
    assert tree(root) == tree(copy)


def test_a_data_set_that_is_renamed_into_place_is_still_found(server, room, published):
    room.fetch(url=server.put(PATH, published))
    moved = room.target.rename(room.root / "gsv_cities_light")
    assert image_root(moved) == moved / "gsv-cities-light"


@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "bin"])
def test_a_file_on_this_machine_is_unpacked_and_left_as_it_is(room, copy, tmp_path, suffix, monkeypatch):
    content = tarred(tree(copy))
    (tmp_path / f"2024.{suffix}").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    facts = room.fetch(path=f"2024.{suffix}", sha256=hashlib.sha256(content).hexdigest())
    assert facts["path"] == str(tmp_path / f"2024.{suffix}")
    assert "downloaded" not in facts
    assert tree(room.target) == tree(copy)  # no note: the images lie in the artifact itself
    assert (tmp_path / f"2024.{suffix}").read_bytes() == content
    assert room.downloaded() == []


def test_images_alone_are_enough(room, copy, tmp_path):
    images = {name: content for name, content in tree(copy).items() if name.startswith("Images/")}
    (tmp_path / "set.zip").write_bytes(zipped(images))
    room.fetch(path=str(tmp_path / "set.zip"))
    assert tree(room.target) == images


@pytest.mark.parametrize(
    ("names", "root"),
    [
        (["Images/a"], "."),
        (["x/Images/a", "__MACOSX/Images/._a"], "x"),
        (["x/y/Images/a", "readme.txt"], "x/y"),
        (["x/Images/a", "x/Dataframes/a.csv", "y/Images/a"], "x"),
        (["x/Images/a", "x/y/Images/a"], "x"),
    ],
)
def test_the_folder_of_images_is_found(room, tmp_path, names, root):
    (tmp_path / "set.zip").write_bytes(zipped(dict.fromkeys(names, b"1")))
    room.fetch(path=str(tmp_path / "set.zip"))
    assert image_root(room.target) == room.target / root


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["x/y/z/Images/a"], r"The archive is no copy .* nor up to 2 levels below \(found: x/\)"),
        (["__MACOSX/Images/a"], r"\(found: an empty folder\). Expected a folder that holds Images/<City>/"),
        (["Images"], r"\(found: Images\)"),
        ([f"{number}.jpg" for number in range(20)], r"14.jpg, 15.jpg and 12 more\)"),
        (["b/Images/a", "a/Images/a"], r"holds several data sets \(a, b\), expected one Images/ folder"),
        ([], r"\(found: an empty folder\)"),
    ],
)
def test_an_archive_of_something_else_says_what_it_holds(room, tmp_path, names, words):
    (tmp_path / "set.zip").write_bytes(zipped(dict.fromkeys(names, b"1")))
    with pytest.raises(DataError, match=words):
        room.fetch(path=str(tmp_path / "set.zip"))


@pytest.mark.parametrize("given", [{}, {"url": "https://host/a.zip", "path": "a.zip"}])
def test_exactly_one_of_url_and_path_is_wanted(room, given):
    with pytest.raises(ConfigError, match=r"(neither|both) of url and path given, expected one of them"):
        room.fetch(**given)


def test_a_path_that_is_no_file_says_what_it_is(room, tmp_path):
    with pytest.raises(DataError, match=r"is a folder, expected a zip or tar. For a folder use: --source folder path="):
        room.fetch(path=str(tmp_path))
    with pytest.raises(DataError, match="There is no archive .*absent.zip"):
        room.fetch(path=str(tmp_path / "absent.zip"))


def test_a_wrong_hash_of_a_file_leaves_it(room, tmp_path, published):
    (tmp_path / "set.zip").write_bytes(published)
    with pytest.raises(DataError, match=f"expected {'0' * 64}. The file is left as it is"):
        room.fetch(path=str(tmp_path / "set.zip"), sha256="0" * 64)
    assert (tmp_path / "set.zip").read_bytes() == published


def test_a_wrong_hash_of_a_download_starts_clean(server, room, published):
    url = server.put(PATH, published)
    with pytest.raises(DataError, match="It is removed: the same command starts clean"):
        room.fetch(url=url, sha256="0" * 64)
    assert room.downloaded() == []
    room.fetch(url=url, sha256=hashlib.sha256(published).hexdigest())


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"nothing that can be unpacked",
        lambda content: zipped({"notes.txt": b"1"}),
        lambda content: zipped({"Images/a": b"1", "../out": b"1"}),
    ],
    ids=["cut", "no archive", "something else", "unsafe"],
)
def test_a_bad_archive_is_not_kept_so_that_a_mended_one_is_fetched(server, room, published, damage):
    url = server.put(PATH, damage(published))
    with pytest.raises(DataError):
        room.fetch(url=url)
    assert room.downloaded() == []
    server.put(PATH, published)
    assert room.fetch(url=url)["sha256"] == hashlib.sha256(published).hexdigest()


def test_a_disk_too_small_to_unpack_keeps_the_download(server, room, published, monkeypatch):
    url = server.put(PATH, published, says_length=False)  # so that only the unpacking finds out
    usage = disk.shutil.disk_usage(room.root)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: usage._replace(free=len(published) // 2))
    with pytest.raises(DataError, match="too small to unpack gsv-cities-light.zip"):
        room.fetch(url=url)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: usage)
    room.fetch(url=url)
    assert len(server.seen) == 1


def test_room_for_unpacking_is_asked_for_before_the_download(server, room, published, monkeypatch):
    url = server.put(PATH, published)
    usage = disk.shutil.disk_usage(room.root)._replace(free=2 * len(published))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="too small to download and unpack gsv-cities-light.zip"):
        room.fetch(url=url)
    assert not [path for path in room.downloaded() if path.suffix == ".part"]


CHILD = """
import sys
from pathlib import Path
from gsv_pipeline.sources.archive import fetch
from gsv_pipeline.tracking import NullTracker
fetch(Path(sys.argv[2]), tracker=NullTracker(), downloads=Path(sys.argv[3]), url=sys.argv[1])
"""


def test_a_fetch_killed_in_the_middle_goes_on_and_ends_as_if_nothing_had_been(server, room, copy):
    files = {**tree(copy), "Images/Rome/large.JPG": random.Random(1).randbytes(400_000)}
    url = server.put(PATH, zipped(files, "gsv-cities-light/"))
    server.fail(PATH, Fault(rate=50_000))
    room.target.mkdir()
    command = [sys.executable, "-c", CHILD, url, str(room.target), str(room.downloads)]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 120
    while not any(path.suffix == ".part" and path.stat().st_size for path in room.downloaded()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    (kept,) = (path.stat().st_size for path in room.downloaded() if path.suffix == ".part")
    room.target.rmdir()  # nothing was unpacked yet
    room.fetch(url=url)
    assert tree(image_root(room.target)) == files
    assert [request.start for request in server.seen] == [0, kept]


class StoppedUnpacking(NullTracker):
    def progress(self, description, total, unit="image"):
        if description.startswith("Unpacking"):
            raise StoppedError("SIGTERM")
        return super().progress(description, total, unit)


def test_a_fetch_stopped_while_it_unpacks_downloads_nothing_again(server, room, copy, published):
    url = server.put(PATH, published)
    with pytest.raises(StoppedError):
        room.fetch(url=url, tracker=StoppedUnpacking())
    room.fetch(url=url)
    assert tree(image_root(room.target)) == tree(copy)
    assert len(server.seen) == 1


def test_the_light_release_is_a_preset_of_this_source():
    row = DATASETS["gsv_cities_light"]
    assert row.arguments == {"url": LIGHT_URL}
    assert check_url(LIGHT_URL).path.endswith("/v0.1/gsv-cities-light.zip")
    source = resolve(SOURCES[row.source].fetch)
    assert source is fetch
    check_arguments("source", row.source, source, row.arguments, provided=("target", "tracker", "downloads"))


def test_a_note_in_the_archive_does_not_say_where_its_images_lie(room, tmp_path):
    elsewhere = tmp_path / "private"
    elsewhere.mkdir()
    note = json.dumps({"root": str(elsewhere), "layout": "photographs"}).encode()
    (tmp_path / "set.zip").write_bytes(zipped({"location.json": note, "Images/Rome/a.jpg": b"1"}))
    room.fetch(path=str(tmp_path / "set.zip"))
    assert image_root(room.target).resolve() == room.target.resolve()


def test_a_note_that_leads_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "location.json").write_text(json.dumps({"root": "../private"}))
    (tmp_path / "private").mkdir()
    with pytest.raises(DataError, match="leads out of its folder"):
        image_root(tmp_path / "set")
