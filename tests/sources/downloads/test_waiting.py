"""What passes is waited for: how long, how often, and when a download gives up."""

import email.utils
import socket
from dataclasses import replace

import pytest

from gsv_pipeline.errors import ConfigError, RunError
from gsv_pipeline.sources.downloads.download import Patience
from tests.loopback import Fault
from tests.sources.downloads.setting import CONTENT, HASH, PATH


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_that_pass_are_waited_for_longer_and_longer(server, get, tracker, waits, status):
    url = server.put(PATH, CONTENT)
    server.fail(PATH, Fault(status), Fault(status))
    assert get(url).sha256 == HASH
    assert waits == [1.0, 2.0]
    assert f"the server answers {status} (" in tracker.messages[0]
    assert tracker.messages[0].endswith("Trying again in 1 s (1 of 3 tries)")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 300.0),
        # By the server's clock, which is in another year here.
        ({"Retry-After": "Tue, 02 Jan 2001 03:04:45 GMT", "Date": "Tue, 02 Jan 2001 03:04:05 GMT"}, 40.0),
        ({"Retry-After": "Tue, 02 Jan 2001 03:04:05 GMT", "Date": "Tue, 02 Jan 2001 03:04:45 GMT"}, 0.0),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
    ],
)
def test_a_server_that_says_when_is_asked_then(server, get, waits, status, asked, waited):
    url = server.put(PATH, CONTENT)
    # The server's own Date stands before the scripted one, and the first is read: so it is replaced.
    server.http.RequestHandlerClass.date_time_string = lambda handler: asked.get(
        "Date", email.utils.formatdate(usegmt=True)
    )
    server.fail(PATH, Fault(status, {"Retry-After": asked["Retry-After"]}))
    assert get(url).sha256 == HASH
    assert waits == [waited]


def test_waits_double_up_to_a_minute_and_spread():
    patience = Patience(share=lambda low, high: low)
    assert [patience.wait_s(tries, None) for tries in (1, 2, 3, 7, 40)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    drawn = {Patience().wait_s(3, None) for _ in range(20)}
    assert len(drawn) > 1
    assert all(2.0 <= wait <= 4.0 for wait in drawn)


def test_nobody_listening_is_tried_again(get, waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(RunError, match="Connection refused"):
            get(f"http://127.0.0.1:{taken.getsockname()[1]}/set.zip")
    assert len(waits) == 2


def raise_(error):
    raise error


def test_an_unknown_host_is_said_at_once_and_a_name_server_that_is_away_is_waited_for(get, waits, monkeypatch):
    fails = [socket.gaierror(socket.EAI_NONAME, "Name or service not known")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: raise_(fails[0]))
    with pytest.raises(
        ConfigError, match=r"No host 'data.example' is known \(Name or service not known\). Check the URL"
    ):
        get("http://me:secret@data.example/set.zip")
    assert waits == []
    fails[0] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    with pytest.raises(RunError, match=r"Temporary failure in name resolution\), 3 times in a row"):
        get("http://data.example/set.zip")
    assert waits == [1.0, 2.0]


def test_the_default_patience_is_a_few_minutes():
    patience = replace(Patience(), share=lambda low, high: high)
    assert sum(patience.wait_s(tries, None) for tries in range(1, patience.tries)) == 123.0
