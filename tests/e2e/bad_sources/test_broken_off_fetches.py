"""A fetch that is killed, fills the disk or meets another one: what arrived is kept, and the next goes on."""

import random
import shutil
import signal
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from tests.disks import small_disk
from tests.e2e.bad_sources.bad_fetches import NEW, SECRET
from tests.e2e.bad_sources.sound import check_replaced, check_sound, nothing_changes, town_files
from tests.loopback import Fault, Loopback
from tests.towns import DATASET, Town, zipped
from tests.waiting import wait_for


def test_a_disk_that_fills_up_keeps_the_data_set_and_a_larger_one_goes_on(
    good_root: Path, tmp_path: Path, server: Loopback
) -> None:
    large = random.Random(1).randbytes(3_000_000)
    files = {**town_files(tmp_path / "files", places=4), "large.bin": large}
    # The server does not say how much comes, so that the disk cannot be seen to be too small before.
    url = server.put(NEW, zipped(files), says_length=False)
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "2m") as enlarge:
        shutil.copytree(good_root, disk / "data")
        town = Town(Layout(disk / "data"))
        version = town.version
        with nothing_changes(town), pytest.raises(DataError, match=r"was downloaded \(No space left on device\)"):
            town.fetch(url=url)
        assert town.catalog().cached
        assert town.version == version
        kept = town.downloaded()
        assert 100_000 < kept < len(large)
        enlarge("16m")
        check_sound(town, version)
        check_replaced(town, town.fetch(url=url), images=32)
        assert [request.start for request in server.seen] == [0, kept]


def test_a_fetch_killed_in_the_middle_leaves_the_data_set_sound_and_the_next_goes_on(
    town: Town, server: Loopback, address: str, tmp_path: Path
) -> None:
    version, contents, outside = town.version, town.contents(), town.outside()
    server.fail(f"{NEW}?key={SECRET}", Fault(rate=8_000))
    with town.start(tmp_path / "said", "--source", "archive", url=address) as process:
        wait_for(lambda: town.downloaded() > 0 or process.poll() is not None, within_s=120)
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
        wait_for(lambda: town.downloaded() > 0 or first.poll() is not None, within_s=120)
        first.send_signal(signal.SIGSTOP)  # so that the second comes in the middle, however slow it starts
        with town.start(said[1], "--source", "archive", url=address) as second:
            wait_for(lambda: "waiting" in said[1].read_text() or second.poll() is not None, within_s=120)
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
