"""The pipeline resource: where, what and how loudly."""

import os
from pathlib import Path

import dagster as dg
import pytest

from assets import resources
from assets.partitions import LAYOUT
from assets.resources import Pipeline
from gsv_pipeline.errors import ConfigError


def test_the_data_root_is_absolute() -> None:
    assert LAYOUT.root.is_absolute()


def test_overrides_and_seed_change_the_experiment(tmp_path: Path) -> None:
    pipeline = Pipeline(data_root=str(tmp_path), overrides=["training.epochs=3", "seed=5"], seed=7)

    experiment = pipeline.experiment("demo")

    assert experiment.training is not None
    assert (experiment.training.epochs, experiment.seed) == (3, 7)
    assert pipeline.layout().root == tmp_path


def test_an_unknown_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'demo'"):
        Pipeline(data_root=str(tmp_path)).experiment("dem")


@pytest.mark.parametrize(
    ("seed", "arguments", "expected"),
    [(None, {}, {}), (2, {}, {"seed": 2}), (2, {"seed": 3}, {"seed": 3}), (None, {"places": 4}, {"places": 4})],
)
def test_the_seed_reaches_the_renderer(seed: int | None, arguments: dict[str, int], expected: dict[str, int]) -> None:
    assert Pipeline(seed=seed).source_arguments("demo", arguments) == expected


def test_the_seed_does_not_reach_a_source_that_takes_none() -> None:
    assert Pipeline(seed=2).source_arguments("gsv_cities", {"path": "here"}) == {"path": "here"}


def test_bars_go_to_the_terminal_that_dagster_hides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal = tmp_path / "terminal"
    descriptor = os.open(terminal, os.O_CREAT | os.O_WRONLY)
    monkeypatch.setattr(resources.os, "isatty", lambda number: True)
    monkeypatch.setattr(resources.os, "dup", lambda number: descriptor)
    pipeline = Pipeline()

    pipeline.setup_for_execution(dg.build_init_resource_context())
    pipeline.tracker(dg.build_asset_context()).message("two bars of soap")
    pipeline.teardown_after_execution(dg.build_init_resource_context())

    assert terminal.read_text() == "two bars of soap\n"


def test_without_a_terminal_messages_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = Pipeline()

    pipeline.setup_for_execution(dg.build_init_resource_context())
    pipeline.tracker(dg.build_asset_context()).message("hello")
    pipeline.teardown_after_execution(dg.build_init_resource_context())

    assert "hello" in capsys.readouterr().err
