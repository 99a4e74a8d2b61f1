"""What the machine was, and for which run of Dagster it worked."""

import sys
from types import SimpleNamespace

import pytest

from gsv_pipeline import provenance


def test_the_device_is_the_gpu_that_was_used_else_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = SimpleNamespace(is_initialized=lambda: False)
    awake = SimpleNamespace(is_initialized=lambda: True, get_device_name=lambda: "NVIDIA H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=asleep))
    processor = provenance.device()
    assert processor
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=awake))
    assert provenance.device() == "NVIDIA H100"
    monkeypatch.delitem(sys.modules, "torch")
    assert provenance.device() == processor


def test_the_run_of_dagster_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(provenance.RUN_VARIABLE, raising=False)
    assert provenance.provenance()["dagster_run"] == ""
    monkeypatch.setenv(provenance.RUN_VARIABLE, "0f9c4fa1")
    assert provenance.provenance()["dagster_run"] == "0f9c4fa1"
