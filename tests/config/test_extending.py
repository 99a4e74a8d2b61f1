"""What an experiment takes from another one, and which ones it may not extend."""

import pytest

from gsv_pipeline.config import experiment_sets, load_experiment
from gsv_pipeline.config.reading import merged
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout

BASE = """description: the base
seed: 3
model:
  aggregator: {name: convap, out_channels: 32, s1: 3}
training:
  epochs: 5
  loss: {name: triplet, margin: 0.2}
"""


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.experiments().mkdir(parents=True)
    (layout.experiments() / "base.yaml").write_text(BASE)
    return layout


@pytest.fixture
def load(layout):
    """Write `text` as experiment `child` over the base and load it."""

    def write_and_load(text, *overrides):
        (layout.experiments() / "child.yaml").write_text(f"extends: base\n{text}")
        return load_experiment(layout, "child", overrides)

    return write_and_load


def test_own_settings_stand_over_those_of_the_base(load):
    child = load("description: the child\ntraining: {epochs: 2}\n")
    assert (child.name, child.description, child.seed) == ("child", "the child", 3)
    assert (child.training.epochs, child.training.loss.arguments) == (2, {"margin": 0.2})
    assert load("", "training.epochs=9").training.epochs == 9


def test_arguments_of_one_part_are_not_given_to_another(load):
    other = load("model: {aggregator: {name: gem}}\n")
    assert (other.model.aggregator.name, other.model.aggregator.arguments) == ("gem", {})
    same = load("model: {aggregator: {name: convap, out_channels: 8}}\n")
    assert same.model.aggregator.arguments == {"out_channels": 8, "s1": 3}
    assert load("model: {aggregator: {out_channels: 8}}\n").model == same.model


@pytest.mark.parametrize("own", ["weights: best.pt", "callable: my_model:describe"])
def test_weights_and_callables_stand_in_place_of_the_training_of_the_base(load, layout, own):
    base = "model: {aggregator: {name: convap}}\n" if "weights" in own else ""
    (layout.experiments() / "base.yaml").write_text(f"{base}training: {{}}\n")
    child = load(own)
    assert child.training is None
    assert (child.weights is None) != (child.callable is None)


def test_weights_are_relative_to_the_file_that_names_them(layout, load):
    child = load("weights: here/best.pt")
    assert child.weights == layout.experiments() / "here" / "best.pt"
    (layout.experiments() / "base.yaml").write_text("weights: there/best.pt\n")
    assert load("seed: 4").weights == layout.experiments() / "there" / "best.pt"


def test_a_shipped_experiment_can_be_extended(layout):
    (layout.experiments() / "mine.yaml").write_text("extends: convap_resnet50\ndataset: demo\n")
    mine, shipped = load_experiment(layout, "mine"), load_experiment(layout, "convap_resnet50")
    assert mine.training == shipped.training
    assert mine.dataset == "demo"


def test_one_level_is_the_limit_and_a_ring_breaks_it(layout, load):
    (layout.experiments() / "base.yaml").write_text("extends: child\ntraining: {}\n")
    with pytest.raises(
        ConfigError, match=r"child.yaml: it extends 'base', which extends 'child' itself, and one level"
    ):
        load("training: {}")
    (layout.experiments() / "self.yaml").write_text("extends: self\ntraining: {}\n")
    with pytest.raises(ConfigError, match="it extends 'self', which extends 'self' itself"):
        load_experiment(layout, "self")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: bse\n", r"mine.yaml: extends: Unknown experiment 'bse'. Did you mean 'base'\?"),
        ("extends: [base]\n", r"mine.yaml: extends: found \['base'\], expected the name of one experiment"),
        ("extends: broken\n", r"broken.yaml is not readable as YAML"),
        ("extends: empty\n", r"empty.yaml is empty: .* holds the line: extends: demo"),
        ("extends: base\nsead: 3\n", r"mine.yaml is not a valid experiment:\n  sead: Unknown setting 'sead'"),
    ],
)
def test_what_cannot_be_extended_is_said(layout, text, said):
    (layout.experiments() / "broken.yaml").write_text("training: [")
    (layout.experiments() / "empty.yaml").write_text("")
    (layout.experiments() / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_experiment(layout, "mine")


def test_it_stands_in_the_file_alone(load):
    with pytest.raises(ConfigError, match="'extends' stands in the file"):
        load("", "extends=demo")


def test_merging_changes_neither_side():
    base, own = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}, {"a": {"c": {"d": 3}}}
    found = merged(base, own)
    assert found == {"a": {"b": 1, "c": {"d": 3}}, "e": [1]}
    found["a"]["c"]["d"] = 4
    assert (base["a"]["c"], own["a"]["c"]) == ({"d": 2}, {"d": 3})


def test_sets_hold_every_experiment_once_and_own_ones_stand_last(layout):
    sets = experiment_sets(layout)
    first, *_, last = sets
    assert (first, last) == ("recipes", "own")
    assert sets["own"] == ["base"]
    names = [name for group in sets.values() for name in group]
    assert len(set(names)) == len(names)
    assert "own" not in experiment_sets(Layout(layout.root / "nowhere"))
