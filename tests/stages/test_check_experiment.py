"""An experiment is checked before any work: what does not fit is named, with a guess."""

import json

import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from tests.tiny import tiny_experiment


def test_check_experiment_names_what_does_not_fit(tiny_layout: Layout) -> None:
    wrong = {
        "model.aggregator={name: convpa}": "Unknown aggregator 'convpa'. Did you mean 'convap'",
        "model.aggregator={name: convap, out_chanels: 8}": "argument 'out_chanels'. Did you mean 'out_channels'",
        "model.backbone={name: resnet19}": "Unknown backbone 'resnet19'",
        "training.loss={name: multi_similarty}": "Unknown loss",
        "training.miner={name: multi}": "Unknown miner",
        "training.optimizer={name: adan}": "Unknown optimizer",
        "training.augmentation={name: rand}": "Unknown augmentation",
        "training.schedule={name: cosine}": "Unknown schedule",
        "training.validation=[demo_vall]": "Unknown benchmark 'demo_vall'. Did you mean 'demo_val'",
        "training.precision=16-mixed": "there is no GPU",
        "training.augmentation={name: randaugment, magnitude: 99}": "'magnitude' is 99, expected 0 to 30",
        "training.augmentation={name: randaugment, num_ops: x}": "'num_ops' is 'x'",
        "training.augmentation={name: street, zoom: abc}": "'zoom' is 'abc'",
        "training.optimizer={name: sgd, momentum: abc}": "'momentum' is 'abc'",
        "dataset=demmo": "Unknown data set 'demmo'. Did you mean 'demo'",
        "places.cities=[Lindenport]": "benchmark '.*' tests on it",
        "places.cities=[Brunhaven]": "Unknown city 'Brunhaven'. Did you mean 'Brunnhaven'",
    }
    assert wrong
    for override, message in wrong.items():
        with pytest.raises(ConfigError, match=message):
            stages.check_experiment(tiny_layout, tiny_experiment(tiny_layout, override))


def test_a_city_may_be_called_as_people_call_it(tiny_layout: Layout) -> None:
    path = tiny_layout.catalog("demo") / "manifest.json"
    values = json.loads(path.read_text())
    for cities, named in ((["Paris"], "Paris"), (["PRS"], "Paris"), (["PRS"], "PRS")):
        values["metadata"]["cities"] = cities
        path.write_text(json.dumps(values))
        stages.check_experiment(tiny_layout, tiny_experiment(tiny_layout, f"places.cities=[{named}]"))
    with pytest.raises(ConfigError, match="Unknown city 'Rome'"):
        stages.check_experiment(tiny_layout, tiny_experiment(tiny_layout, "places.exclude_cities=[Rome]"))
