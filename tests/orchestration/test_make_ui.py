"""`make ui`, as a person types it."""

import sys
from pathlib import Path

import pytest

from gsv_pipeline.layout import Layout
from tests.dagster_home import REPOSITORY, Home
from tests.graphql import ask
from tests.pictures.served import started
from tests.ports import KERNEL_LISTS_SOCKETS, free_port, listening_addresses


@pytest.mark.slow
@pytest.mark.skipif(not KERNEL_LISTS_SOCKETS, reason="the kernel lists its sockets on Linux alone")
def test_the_ui_is_on_the_port_that_was_asked_for_and_on_loopback_alone(tiny_layout: Layout, tmp_path: Path) -> None:
    home, port = Home.make(tmp_path / "home", tiny_layout.root), free_port()
    installed = ("-o", f"{sys.prefix}/.run")  # nothing is installed for it
    command = ["make", "-f", REPOSITORY / "Makefile", "-C", home.folder, *installed, f"VENV={sys.prefix}"]

    with started([*command, "ui", f"PORT={port}"], home, port=port):
        addresses, shown = listening_addresses(port), ask(port, "{ version }")

    assert addresses == {"127.0.0.1"}
    assert shown["version"]
