"""A tiny rendered demo and experiments over it, made once per test session."""

import os
import shutil
import socket
import sys
from pathlib import Path

# One thread a process: the suite runs in several, and torch's threads would spin against each other.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import HealthCheck, settings

from gsv_pipeline import stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_CITY, run_chain, tiny_experiment

# The same examples on every machine, and no judgement of its speed: what is found is found by whoever changes the code.
settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test speaks to W&B or finds a data root by accident."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for name in [name for name in os.environ if name.startswith("GSV_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the network: a connection that leaves this machine is an error."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: object) -> None:
        is_internet = self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple)
        if is_internet and not (str(address[0]).startswith("127.") or address[0] in ("localhost", "::1")):  # type: ignore[index]
            raise AssertionError(f"a test connects to {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", checked)


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """No test depends on the draws of the tests before it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the demo data set rendered tiny and its catalog. Read it; copy it to change it."""
    layout = Layout(tmp_path_factory.mktemp("tiny") / "data")
    stages.fetch_dataset(layout, "demo", tracker=NullTracker(), arguments=TINY_CITY)
    stages.build_catalog(layout, "demo", tracker=NullTracker())
    return layout.root


@pytest.fixture(scope="session")
def tiny_chain(tiny_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in which the whole chain has run for the experiment `demo` made tiny."""
    root = tmp_path_factory.mktemp("chain") / "data"
    shutil.copytree(tiny_demo, root)
    previous, os.environ["WANDB_MODE"] = os.environ.get("WANDB_MODE"), "disabled"
    try:
        run_chain(Layout(root), tiny_experiment(Layout(root)))
    finally:
        os.environ.pop("WANDB_MODE") if previous is None else os.environ.update(WANDB_MODE=previous)
    return root


@pytest.fixture
def tiny_layout(tiny_demo: Path, tmp_path: Path) -> Layout:
    """A private copy of `tiny_demo`."""
    shutil.copytree(tiny_demo, tmp_path / "data")
    return Layout(tmp_path / "data")


@pytest.fixture
def chain_layout(tiny_chain: Path, tmp_path: Path) -> Layout:
    """A private copy of `tiny_chain`."""
    shutil.copytree(tiny_chain, tmp_path / "data")
    return Layout(tmp_path / "data")
