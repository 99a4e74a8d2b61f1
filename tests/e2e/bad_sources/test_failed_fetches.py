"""A fetch that fails leaves the sound data set of before, and says what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from tests.disks import largest_file
from tests.e2e.bad_sources.bad_fetches import GOOD, NEW, SECRET, TRIES, Bad, every_bad
from tests.e2e.bad_sources.sound import check_replaced, check_sound, nothing_changes
from tests.loopback import Fault, Loopback
from tests.towns import DATASET, Town, open_files


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
