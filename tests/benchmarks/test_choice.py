"""What `validation: auto` stands for: by what is on disk, and kept once something was trained by it."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from gsv_pipeline import recipes, stages
from gsv_pipeline.benchmarks import choice
from gsv_pipeline.benchmarks.choice import choose_validation
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.manifest import Manifest, why_stale
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment
from tests.trackers import Heard

AUTO = "training.validation=auto"
CITIES = ["London", "Osaka", "PRS"]


def note(folder: Path, *, config: object = None, **metadata: object) -> None:
    """A manifest as if something had been made in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest("", "", "1", {}, config or {}, {}, metadata)  # type: ignore[arg-type]
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest)))


@pytest.fixture
def gsv(tmp_path: Path) -> Layout:
    """A data root in which GSV-Cities has three cities."""
    layout = Layout(tmp_path / "data")
    note(layout.catalog("gsv_cities"), cities=CITIES)
    return layout


def chosen(layout: Layout, *overrides: str, name: str = "convap_resnet50") -> tuple[str, ...]:
    return choose_validation(layout, load_experiment(layout, name, overrides))


def test_published_sets_go_before_the_holdout_and_pitts30k_before_msls(gsv: Layout) -> None:
    left_out = "places.exclude_cities=[Osaka]"
    assert chosen(gsv, left_out) == ("gsv_holdout",)
    note(gsv.benchmark("msls_val"))
    assert chosen(gsv, left_out) == ("msls_val",)
    note(gsv.benchmark("pitts30k_val"))
    assert chosen(gsv, left_out) == ("pitts30k_val",)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("places.min_images_per_place=4", ()),
        ("places.cities=[London, Osaka, Paris]", ()),  # Paris is PRS
        ("places.cities=[London, Osaka]", ("gsv_holdout",)),
        ("places.exclude_cities=[Paris]", ("gsv_holdout",)),
        ("dataset=demo", ()),  # its validation benchmark is named by whoever trains on it
    ],
)
def test_the_holdout_serves_whoever_leaves_a_city_out(gsv: Layout, override: str, expected: tuple[str, ...]) -> None:
    assert chosen(gsv, override) == expected


def test_places_tell_what_clauses_alone_do_not(gsv: Layout) -> None:
    southern = load_experiment(gsv, "convap_resnet50", ("places.hemisphere=south",))
    assert choose_validation(gsv, southern) == ()
    note(gsv.places("convap_resnet50"), config={"filter": southern.places.stated()}, cities=["London"])
    assert choose_validation(gsv, southern) == ("gsv_holdout",)
    assert chosen(gsv) == (), "the places of another filter say nothing"


def test_without_a_catalog_there_is_nothing_to_hold_out(tmp_path: Path) -> None:
    assert chosen(Layout(tmp_path), "places.cities=[London]") == ()


def test_a_benchmark_that_appears_later_makes_nothing_stale_and_a_restart_takes_it(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PUBLISHED_VALIDATION", ("demo_test", "demo_val"))
    experiment, heard = tiny_experiment(tiny_layout, AUTO, "training.epochs=1"), Heard()
    stages.build_places(tiny_layout, experiment, tracker=heard)
    stages.train(tiny_layout, experiment, tracker=heard)
    assert any("has nothing to validate on, so its last weights are kept" in text for text in heard.said)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=heard)
    assert stages.train(tiny_layout, experiment, tracker=heard).cached
    again = stages.train(tiny_layout, experiment, tracker=heard, restart=True)
    assert "demo_val/R@1" in again.metadata
    stages.build_benchmark(tiny_layout, "demo_test", tracker=heard)
    assert stages.train(tiny_layout, experiment, tracker=heard).cached
    assert why_stale(tiny_layout, recipes.checkpoint(tiny_layout, experiment)) is None
    named = tiny_experiment(tiny_layout, "training.validation=demo_val", "training.epochs=1")
    assert stages.train(tiny_layout, named, tracker=heard).cached, "saying what was chosen is no change"


def test_an_interrupted_run_keeps_what_it_began_with(tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "PUBLISHED_VALIDATION", ("demo_test", "demo_val"))
    experiment = tiny_experiment(tiny_layout, AUTO)
    note(tiny_layout.benchmark("demo_val"))
    begun = {
        "identity": "x",
        "restart": False,
        "config": dict(recipes.checkpoint(tiny_layout, experiment).config or {}),
    }
    state = tiny_layout.training_state("demo")
    state.mkdir(parents=True)
    (state / recipes.IDENTITY_FILE).write_text(json.dumps(begun, default=str))
    note(tiny_layout.benchmark("demo_test"))

    def settled(*, anew: bool = False) -> tuple[str, ...]:
        training = recipes.settled(tiny_layout, experiment, anew=anew).training
        assert training is not None
        return training.validation

    assert settled() == ("demo_val",)
    assert settled(anew=True) == ("demo_test",)
    (state / recipes.IDENTITY_FILE).write_text(json.dumps({**begun, "restart": True}, default=str))
    assert settled(anew=True) == ("demo_val",), "a restart that was killed goes on with its own choice"
    (state / recipes.IDENTITY_FILE).write_text("{torn")
    assert settled() == ("demo_test",)


def test_the_loop_writes_the_note_that_the_choice_is_read_from(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PUBLISHED_VALIDATION", ("demo_test", "demo_val"))
    experiment = tiny_experiment(tiny_layout, AUTO)
    stages.build_places(tiny_layout, experiment, tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_val", tracker=NullTracker())
    from gsv_pipeline.training import fit

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        stages.train(tiny_layout, experiment, tracker=NullTracker())
    stages.build_benchmark(tiny_layout, "demo_test", tracker=NullTracker())
    training = recipes.settled(tiny_layout, experiment).training
    assert training is not None
    assert training.validation == ("demo_val",)
