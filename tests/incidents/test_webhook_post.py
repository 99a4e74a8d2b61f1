"""Posting to a webhook: it arrives, or the reason is told; nothing is raised and nobody waits for long."""

import socket
import time

import pytest

from gsv_pipeline.incidents import post
from tests.waiting import wait_for
from tests.webhooks import HANG, webhook


def send(url: str, text: str = "hello", *, timeout_s: float = 20.0) -> str:
    return post(url, text, timeout_s=timeout_s, retry_after_s=0.01)


def test_a_text_arrives_as_slack_takes_it() -> None:
    with webhook() as server:
        assert send(server.url, 'R@1 < 5 & "worse" > <!channel>') == ""

    assert server.posts == [{"text": 'R@1 &lt; 5 &amp; "worse" &gt; &lt;!channel&gt;'}]
    assert server.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("first", [500, 503, 429, HANG])
def test_what_may_go_better_is_tried_once_more(first: int) -> None:
    with webhook(first) as server:
        assert send(server.url, timeout_s=1.0 if first == HANG else 20.0) == ""

    assert len(server.posts) == 2


@pytest.mark.parametrize(
    ("answers", "said", "tries"),
    [
        ((500, 502), "it answers 502", 2),
        ((404,), "it answers 404", 1),
        ((HANG, HANG), "it did not answer within 0.3 s", 2),
    ],
)
def test_what_did_not_arrive_is_told(answers: tuple[int, ...], said: str, tries: int) -> None:
    started = time.monotonic()
    with webhook(*answers) as server:
        assert send(server.url, timeout_s=0.3 if HANG in answers else 20.0) == said
        wait_for(lambda: len(server.posts) == tries, within_s=120)

    assert len(server.posts) == tries
    assert time.monotonic() - started < 25


def test_a_host_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    assert send(f"http://127.0.0.1:{port}/secret") == "it cannot be reached (ConnectionRefusedError)"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "hooks.example/secret", "http://secret host/", "http://[secret"])
def test_what_is_no_address_is_said_without_quoting_it(url: str) -> None:
    said = send(url)

    assert said
    assert "secret" not in said
    assert "passwd" not in said
