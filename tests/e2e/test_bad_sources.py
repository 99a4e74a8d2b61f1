"""What bad input gets: a fetch that fails, or brings damaged data, in a data root that holds a sound data set."""

import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.catalog.report import read_report
from gsv_pipeline.catalog.schema import CATALOG_FILE, QUARANTINE_FILE
from gsv_pipeline.config import load_experiment
from gsv_pipeline.errors import DataError, GsvError, RunError
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.sources import archive, kaggle_process
from gsv_pipeline.sources.downloads.download import Patience, download
from gsv_pipeline.tracking import NullTracker
from tests import kaggle_server
from tests.kaggle_server import ARCHIVE, VIEW, KaggleServer
from tests.loopback import Fault, Loopback, loopback
from tests.published import shots_of
from tests.towns import DATASET, Town, bomb, city_files, open_files, photo, tarred, tree, wait_until, zipped

GOOD, NEW = "/v1/town.zip", "/v2/town.zip"
SECRET = "sesame"
TRIES = 3
CUT_AT = 3_000
UNPACKS_AT = 50_000
PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Quota</body></html>"
WRONG = "c0ffee" * 10 + "0123"


def town_files(folder: Path, *, places: int) -> dict[str, bytes]:
    """Two cities; the text beside them shrinks to a hundredth in an archive."""
    cities = {city: shots_of(places, 4, north_of=north) for city, north in (("Rome", 41.0), ("Osaka", 34.0))}
    files = {name: data for city, shots in cities.items() for name, data in city_files(folder, city, shots).items()}
    return {**files, "README.txt": b"A town. " * 12_500}


@pytest.fixture(scope="module")
def surroundings() -> Iterator[tuple[Loopback, list[float]]]:
    """A server, and what downloads would have waited for it."""
    waits: list[float] = []
    quick = Patience(tries=TRIES, silence_s=20.0, sleep=waits.append)
    with pytest.MonkeyPatch.context() as patch, loopback() as running:
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setattr(archive, "download", partial(download, patience=quick))
        yield running, waits


@pytest.fixture(scope="module")
def good_root(surroundings: tuple[Loopback, list[float]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a sound data set; the server keeps its archive at GOOD."""
    server, _ = surroundings
    folder = tmp_path_factory.mktemp("good")
    town = Town(Layout(folder / "data"))
    town.fetch(url=server.put(GOOD, zipped(town_files(folder / "files", places=3))))
    town.catalog()
    stages.require_sound(town.layout, DATASET)
    return town.layout.root


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive of the data set as it is published next."""
    return zipped(town_files(tmp_path_factory.mktemp("better"), places=4))


@pytest.fixture
def server(surroundings: tuple[Loopback, list[float]]) -> Loopback:
    running, waits = surroundings
    running.faults.clear()
    running.seen.clear()
    waits.clear()
    return running


@pytest.fixture
def waits(surroundings: tuple[Loopback, list[float]]) -> list[float]:
    return surroundings[1]


@pytest.fixture
def town(good_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A private copy, in a folder of its own that is also where this process works and has its temporary files."""
    shutil.copytree(good_root, tmp_path / "world" / "data")
    for name in ("here", "tmp"):
        (tmp_path / "world" / name).mkdir()
    monkeypatch.chdir(tmp_path / "world" / "here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "world" / "tmp"))
    return Town(Layout(tmp_path / "world" / "data"))


@contextmanager
def largest_file(count: int | None) -> Iterator[None]:
    """A disk that takes no more than this of a file; None takes any."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft if count is None else count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(frozen=True, slots=True)
class Bad:
    """A fetch that fails.

    Args:
        says: What was found, what was expected, what to do next.
        error: Class of the error.
        exit_code: Of the command.
        faults: Of the answers; the last one of all that follow.
        content: In place of the better archive.
        sha256: Asked for.
        is_here: The content is a file on this machine.
        largest: Bytes that the disk takes of a file.
        tries: Requests until it gives up.
        starts: First bytes that the next fetch asks for, when all is well again.
    """

    says: tuple[str, ...]
    error: type[GsvError] = DataError
    exit_code: int = 2
    faults: tuple[Fault, ...] = ()
    content: Callable[[], bytes] | None = None
    sha256: str | None = None
    is_here: bool = False
    largest: int | None = None
    tries: int = 1
    starts: tuple[int, ...] = (0,)


def refused(status: int, *says: str) -> Bad:
    return Bad((f"{NEW}?key=...: the server answers {status} (", *says), faults=(Fault(status, body=PAGE),))


def given_up(found: str, *faults: Fault, starts: tuple[int, ...] = (0,)) -> Bad:
    says = (f"127.0.0.1: {found}", "3 times in a row", "What has arrived (", "run the same command again later")
    return Bad(says, RunError, 1, faults=faults, tries=TRIES, starts=starts)


ESCAPES = (
    "a path that leads out of its folder",
    "Nothing that was unpacked is kept. Get the archive from its publisher",
)
LINKS = ("a symbolic link", "expected files and folders only", "Get the archive from its publisher")
BOMB = ("The archive of 1.1 MB unpacks to more than 100.0 MB", "photographs unpack to about their own size", "'folder'")
FULL = "Free some space"
ROME = {"Images/Rome/a.JPG": photo("a")}
BAD: Mapping[str, Bad] = {
    "wrong hash": Bad(
        ("its SHA-256 is ", f"expected {WRONG}", "It is removed: the same command starts clean"), sha256=WRONG
    ),
    "wrong hash of a file": Bad(
        ("its SHA-256 is ", f"expected {WRONG}", "The file is left as it is: get it again"),
        sha256=WRONG,
        is_here=True,
        tries=0,
    ),
    "web page": Bad(
        ("the server sent a web page called 'Log in'", "where an archive was expected", "Look at it in a browser, or "),
        content=lambda: PAGE,
    ),
    "web page in a file": Bad(
        ("is no zip or tar (it starts with b'<!DOCTYPE html>", "Expected a zip, or a tar", "use the source 'folder'"),
        content=lambda: PAGE,
        is_here=True,
        tries=0,
    ),
    "401": refused(401, "Unauthorized", "put them into the URL (https://name:password@host/...)"),
    "403": refused(403, "Forbidden", "a licence must be accepted first: look at it in a browser", "path="),
    "404": refused(404, "Not Found", "compare the URL with the publisher's page"),
    "429": given_up("the server answers 429 (Too Many Requests)", Fault(429, {"Retry-After": "7"})),
    "503": given_up("the server answers 503 (Service Unavailable)", Fault(503)),
    "hung up": given_up("the connection failed (", Fault(how="hang up")),
    "cut in the middle": given_up(
        "the connection was cut", Fault(cut_after=CUT_AT), Fault(cut_after=0), starts=(CUT_AT,)
    ),
    "path outside": Bad(
        ("The archive holds '../../../escaped.JPG', ", *ESCAPES),
        content=lambda: zipped({**ROME, "../../../escaped.JPG": b"out"}),
    ),
    "path outside, tar": Bad(
        ("The archive holds '/", *ESCAPES),
        content=lambda: tarred({**ROME, f"{Path.cwd()}/escaped.JPG": b"out"}),
    ),
    "symbolic link": Bad(
        ("The archive holds 'town/Images/Oslo', ", *LINKS),
        content=lambda: zipped({**ROME, "Images/Oslo": b"../../../../../here"}, kind=stat.S_IFLNK),
    ),
    "symbolic link with a file behind it, tar": Bad(
        ("The archive holds 'Images/Oslo', a symbolic link to '../../../../here'", *LINKS),
        content=lambda: tarred({"Images/Oslo/a.JPG": b"out"}, links={"Images/Oslo": "../../../../here"}),
    ),
    "bomb": Bad(BOMB, content=lambda: bomb(zipped)),
    "bomb, tar": Bad(BOMB, content=lambda: bomb(tarred)),
    "cut off before it was published": Bad(
        ("town.zip is damaged or cut off (", "Nothing that was unpacked is kept. Get it again", "ask its publisher"),
        content=lambda: zipped(ROME)[:-30],
    ),
    "something else": Bad(
        ("The archive is no copy of GSV-Cities", "(found: town/)", "Expected a folder that holds Images/<City>/"),
        content=lambda: zipped({"notes.txt": b"Nothing to see."}),
    ),
    "disk full while it arrives": Bad(
        ("became full while town.zip was downloaded (File too large)", "What has arrived (3.0 kB) is kept", FULL),
        largest=CUT_AT,
        starts=(CUT_AT,),
    ),
    "disk full while it is unpacked": Bad(
        ("became full while town.zip was unpacked (File too large)", "The archive is kept", FULL),
        largest=UNPACKS_AT,
        starts=(),
    ),
}
"""Each of them happens in place of a fetch of the better archive."""
every_bad = pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))


@pytest.fixture
def address(server: Loopback, better: bytes) -> str:
    """Of the better archive, with a secret in it."""
    assert CUT_AT < len(better) < UNPACKS_AT
    return server.put(f"{NEW}?key={SECRET}", better)


@pytest.fixture
def bring(server: Loopback, address: str, better: bytes, tmp_path: Path) -> Callable[[Bad], dict[str, str]]:
    """Set up what goes wrong; returns the arguments of a fetch that meets it."""

    def arrange(bad: Bad) -> dict[str, str]:
        content = better if bad.content is None else bad.content()
        (tmp_path / "town.zip").write_bytes(content)
        server.put(f"{NEW}?key={SECRET}", content)
        if bad.faults:
            server.fail(f"{NEW}?key={SECRET}", *bad.faults, *[bad.faults[-1]] * 20)
        where = {"path": str(tmp_path / "town.zip")} if bad.is_here else {"url": address}
        return where if bad.sha256 is None else {**where, "sha256": bad.sha256}

    return arrange


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


@every_bad
def test_a_fetch_that_fails_leaves_the_data_set_sound_and_a_later_one_replaces_it(
    bad: Bad, town: Town, server: Loopback, waits: list[float], bring: Callable[[Bad], dict[str, str]], better: bytes
) -> None:
    arguments, version = bring(bad), town.version
    with nothing_changes(town), largest_file(bad.largest), pytest.raises(bad.error) as raised:
        town.fetch(**arguments)
    message = str(raised.value)
    assert [words for words in bad.says if words not in message] == [], message
    assert SECRET not in message
    assert open_files(town.layout.root) == []
    assert json.loads(town.layout.failure(town.layout.dataset(DATASET)).read_text())["message"] == message
    assert len(server.seen) == bad.tries
    assert len(waits) == max(bad.tries - 1, 0)
    assert waits == sorted(waits)
    check_sound(town, version)
    server.faults.clear()
    server.seen.clear()
    result = town.fetch(url=server.put(f"{NEW}?key={SECRET}", better))
    assert tuple(request.start for request in server.seen) == bad.starts
    check_replaced(town, result, images=32)


@every_bad
def test_the_command_that_fails_prints_one_message_and_exits_with_its_code(
    bad: Bad, town: Town, bring: Callable[[Bad], dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = bring(bad)
    with nothing_changes(town), largest_file(bad.largest):
        code = town.run("fetch", "--source", "archive", "--force", **arguments)
    assert code == bad.exit_code
    said = capsys.readouterr()
    *before, last = said.err.splitlines()
    assert last.startswith("Error: ")
    assert [words for words in bad.says if words not in last] == [], last
    assert not [line for line in before if "Error" in line or "Traceback" in line]
    assert said.out == ""
    assert town.run("catalog") == 0
    assert capsys.readouterr().out.endswith("(unchanged)\n")


def test_an_address_that_went_bad_leaves_a_forced_fetch_without_arguments_where_it_was(
    town: Town, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    version = town.version
    server.fail(GOOD, Fault(404), *[Fault(503)] * TRIES)
    with nothing_changes(town):
        assert town.run("fetch", "--force") == 2
        assert town.run("fetch", "--force") == 1
        assert town.run("fetch") == 0
    said = capsys.readouterr()
    assert said.out.endswith("town  (unchanged)\n")
    assert said.err.count("Error: ") == 2
    check_sound(town, version)
    assert town.run("fetch", "--force") == 0
    check_sound(town, version, is_kept=False)


def test_a_first_fetch_that_fails_leaves_no_data_set_behind(
    tmp_path: Path, server: Loopback, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    town = Town(Layout(tmp_path / "world" / "data"))
    server.fail(f"{NEW}?key={SECRET}", Fault(404))
    assert town.run("fetch", "--source", "archive", url=address) == 2
    assert town.contents() == {"dataset": (0, b"")}
    assert town.run("catalog") == 2
    assert "Unknown data set 'town'" in capsys.readouterr().err
    check_replaced(town, town.fetch(url=address), images=32)


def mount(*options: str) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")


def test_a_disk_that_fills_up_keeps_the_data_set_and_a_larger_one_goes_on(
    good_root: Path, tmp_path: Path, server: Loopback
) -> None:
    large = random.Random(1).randbytes(3_000_000)
    files = {**town_files(tmp_path / "files", places=4), "large.bin": large}
    # The server does not say how much comes, so that the disk cannot be seen to be too small before.
    url = server.put(NEW, zipped(files), says_length=False)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))
    try:
        shutil.copytree(good_root, disk / "data")
        town = Town(Layout(disk / "data"))
        version = town.version
        with nothing_changes(town), pytest.raises(DataError, match=r"was downloaded \(No space left on device\)"):
            town.fetch(url=url)
        assert town.catalog().cached
        assert town.version == version
        kept = town.downloaded()
        assert 100_000 < kept < len(large)
        mount("-o", "remount,size=16m", str(disk))
        check_sound(town, version)
        check_replaced(town, town.fetch(url=url), images=32)
        assert [request.start for request in server.seen] == [0, kept]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_fetch_killed_in_the_middle_leaves_the_data_set_sound_and_the_next_goes_on(
    town: Town, server: Loopback, address: str, tmp_path: Path
) -> None:
    version, contents, outside = town.version, town.contents(), town.outside()
    server.fail(f"{NEW}?key={SECRET}", Fault(rate=8_000))
    with town.start(tmp_path / "said", "--source", "archive", url=address) as process:
        wait_until(lambda: town.downloaded() > 0 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (tmp_path / "said").read_text()
    assert town.contents() == {**contents, f"dataset/.{DATASET}.partial": (0, b"")}
    assert town.outside() == outside
    check_sound(town, version)
    kept = town.downloaded()
    check_replaced(town, town.fetch(url=address), images=32)
    assert [request.start for request in server.seen] == [0, kept]
    assert not town.layout.partial(town.layout.dataset(DATASET)).exists()


def test_of_two_processes_that_fetch_at_once_one_downloads_and_the_other_says_that_it_waits(
    town: Town, server: Loopback, address: str, tmp_path: Path
) -> None:
    version = town.version
    server.fail(f"{NEW}?key={SECRET}", Fault(rate=16_000))
    said = [tmp_path / "first", tmp_path / "second"]
    with town.start(said[0], "--source", "archive", url=address) as first:
        wait_until(lambda: town.downloaded() > 0 or first.poll() is not None)
        first.send_signal(signal.SIGSTOP)  # so that the second comes in the middle, however slow it starts
        with town.start(said[1], "--source", "archive", url=address) as second:
            wait_until(lambda: "waiting" in said[1].read_text() or second.poll() is not None)
            check_sound(town, version)
            first.send_signal(signal.SIGCONT)
            assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len(server.seen) == 1
    waited = said[1].read_text()
    assert f"dataset/town: another run makes it (process {first.pid}, since " in waited
    assert waited.endswith("town  (unchanged)\n")
    assert "waiting" not in said[0].read_text()
    assert town.version != version
    assert town.catalog().metadata["images"] == 32
    stages.require_sound(town.layout, DATASET)


def test_a_csv_of_another_encoding_is_read_and_named(town: Town, server: Loopback, tmp_path: Path) -> None:
    version, shots = town.version, shots_of(4, 5)
    plain = town.fetch(url=server.put("/utf-8.zip", zipped(city_files(tmp_path / "a", "Zürich", shots))))
    expected = town.catalog()
    table = (town.layout.catalog(DATASET) / CATALOG_FILE).read_bytes()
    odd = zipped(city_files(tmp_path / "b", "Zürich", shots, encoding="cp1252"))
    assert town.fetch(url=server.put("/cp1252.zip", odd)).data_version != plain.data_version
    found = town.catalog()
    assert found.data_version == expected.data_version
    assert (town.layout.catalog(DATASET) / CATALOG_FILE).read_bytes() == table
    assert (found.metadata["cities"], found.metadata["images"], found.metadata["quarantined"]) == (["Zürich"], 20, 0)
    assert found.metadata["warnings"] == expected.metadata["warnings"] + 1
    (warning,) = (item for item in read_report(town.layout.catalog(DATASET)).findings if item.rule == "csv_encoding")
    assert (warning.count, warning.examples) == (1, ("Zürich.csv: cp1252",))
    stages.require_sound(town.layout, DATASET)
    town.fetch(url=server.url(GOOD))
    check_sound(town, version, is_kept=False)


def test_a_csv_with_a_thousand_rows_missing_stops_everything_after_it_until_the_good_one_is_back(
    town: Town, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stages, "check_experiment", lambda *_: None)  # of models: it would import torch for nothing
    experiment = load_experiment(town.layout, "demo", [f"dataset={DATASET}"])
    places = stages.build_places(town.layout, experiment, tracker=NullTracker())
    version, catalog = town.version, town.catalog().artifact / CATALOG_FILE
    table, arrays = catalog.read_bytes(), tree(places.artifact)
    lost = zipped(city_files(tmp_path / "files", "Rome", shots_of(65, 20), rows=300))
    assert town.run("fetch", "--source", "archive", url=server.put("/lost.zip", lost)) == 0
    capsys.readouterr()

    assert town.run("catalog") == 2
    said = capsys.readouterr().err
    assert "Error: Data set 'town' is not sound: 1000 of 1300 images are in quarantine (77 %, the limit is 1 %)" in said
    assert "1000 × an image file has no row in its city's CSV: Images/Rome/Rome_0000015_" in said
    assert "or fetch again (gsv-pipeline fetch town --force); or admit more: gsv-pipeline catalog town" in said
    report = read_report(town.layout.catalog(DATASET))
    assert {item.rule: item.count for item in report.errors} == {"image_without_row": 1000}
    quarantine = pd.read_parquet(catalog.with_name(QUARANTINE_FILE))
    assert quarantine["reason"].tolist() == ["image_without_row"] * 1000
    assert len(pd.read_parquet(catalog)) == 300
    with pytest.raises(DataError, match="1000 of 1300 images are in quarantine"):
        stages.build_places(town.layout, experiment, tracker=NullTracker())
    assert tree(places.artifact) == arrays  # what was made of the sound data set is still there

    assert town.run("fetch", "--source", "archive", url=server.url(GOOD)) == 0
    check_sound(town, version, is_kept=False)
    assert catalog.read_bytes() == table
    again = stages.build_places(town.layout, experiment, tracker=NullTracker())
    assert (again.cached, again.data_version) == (True, places.data_version)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A Kaggle, a user without credentials or a cache, and no patience between attempts."""
    home = tmp_path / "home"
    home.mkdir()
    with KaggleServer(home, b"") as started:
        for name in kaggle_server.CLIENT_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**started.environment, "HOME": str(home), "KAGGLE_CONFIG_DIR": str(home)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(kaggle_process, "BACK_OFF_S", (0.0, 0.0))
        monkeypatch.setattr(kaggle_process, "_POLL_S", 0.02)
        yield started


def test_what_kaggle_refuses_or_damages_leaves_the_data_set_of_before_sound(
    kaggle: KaggleServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = Town(Layout(tmp_path / "world" / "data"), "gsv_cities")
    kaggle.archive = zipped(town_files(tmp_path / "files", places=3))
    town.fetch()
    town.catalog()
    version = town.version
    kaggle.archive = zipped(town_files(tmp_path / "files", places=4))
    for endpoint, answer, code, says in (
        (VIEW, kaggle_server.status(403), 2, "(403): it is private, does not exist, or asks for consent to its terms"),
        (VIEW, kaggle_server.status(429), 1, "Kaggle asks to wait: too many requests"),
        (ARCHIVE, kaggle_server.page, 1, "came a web page"),
        (ARCHIVE, kaggle_server.wrong_hash, 1, "arrived damaged"),
    ):
        kaggle.answers[endpoint].extend([answer] * 20)
        with nothing_changes(town):
            assert town.run("fetch", "--force") == code
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith("Error: ")
        assert says in said
        check_sound(town, version)
        kaggle.answers.clear()
    check_replaced(town, town.fetch(), images=32)
