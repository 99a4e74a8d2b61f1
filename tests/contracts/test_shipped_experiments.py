"""Every shipped experiment: valid, with its source and its recall in the header, and with the published numbers."""

import re
import time

import pytest
import torch

from gsv_pipeline import stages
from gsv_pipeline.config import SHIPPED, experiment_files, experiment_sets, load_experiment, validation_benchmarks
from gsv_pipeline.layout import Layout
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.vpr_model import build_model
from gsv_pipeline.training.losses import LOSSES, build_objective

LAYOUT = Layout(SHIPPED / "nowhere")
NAMES = sorted(path.stem for path in SHIPPED.rglob("*.yaml"))
SIZES = {
    "convap_resnet50_512": 512,
    "convap_resnet50_2048": 2048,
    "convap_resnet50": 4096,
    "convap_resnet50_8192": 8192,
    "mixvpr_resnet50_128": 128,
    "mixvpr_resnet50_512": 512,
    "mixvpr_resnet50": 4096,
    "boq_resnet50": 16384,
    "boq_dinov2": 12288,
    "salad_dinov2": 8448,
    "avg_resnet50": 2048,
    "gem_resnet50": 2048,
    "cosplace_resnet50": 2048,
    "netvlad_resnet50": 32768,
}
ABBREVIATIONS = {"GSV", "MSLS", "SPED", "SALAD", "RTX", "README"}
"""The words in capitals that headers may use."""


def header(name):
    lines = experiment_files(LAYOUT)[name].read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def test_there_are_experiments_and_no_two_of_one_name():
    assert len(NAMES) == len(set(NAMES)) == len(experiment_files(LAYOUT)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_the_tables(name):
    experiment = load_experiment(LAYOUT, name)
    stages.check_experiment(LAYOUT, experiment)
    assert experiment.description.endswith(".")
    assert experiment.training is not None


@pytest.mark.parametrize("name", NAMES)
def test_its_header_names_a_source_and_the_recall_that_it_should_reach(name):
    text = header(name)
    assert re.search(r"arXiv \d{4}\.\d{5}|quick start", text)
    assert re.search(r"[Ss]hould reach R@1 of|Published R@1|No recall that could be checked is published", text)
    assert set(re.findall(r"\b[A-Z]{3,}\b", text)) <= ABBREVIATIONS, "a note to oneself has no place in it"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_extends_another_says_so_and_holds_nothing_but_what_differs(name):
    path = experiment_files(LAYOUT)[name]
    text = path.read_text(encoding="utf-8")
    base = re.search(r"^extends: (\w+)$", text, flags=re.MULTILINE)
    assert (base is not None) == (path.parent != SHIPPED)
    if base is not None:
        assert f"as in {base[1]}.yaml" in text
        assert load_experiment(LAYOUT, name).description != load_experiment(LAYOUT, base[1]).description


def test_descriptions_tell_experiments_apart():
    assert len({load_experiment(LAYOUT, name).description for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", SIZES)
def test_descriptors_are_as_long_as_published(name):
    experiment = load_experiment(LAYOUT, name)
    arguments = stages.compose.model_arguments(experiment)
    arguments["backbone_args"] = {**arguments["backbone_args"], "weights": "none"}
    with torch.device("meta"):
        assert build_model(**arguments).out_dim == SIZES[name]
    assert f"{SIZES[name]:,}-D" in experiment.description


def test_the_comparisons_are_whole():
    sets = experiment_sets(LAYOUT)
    losses = {load_experiment(LAYOUT, name).training.loss.name for name in (*sets["losses"], "convap_resnet50")}
    assert losses == set(LOSSES)
    shown = [*sets["aggregators"], *sets["recipes"]]
    assert {load_experiment(LAYOUT, name).model.aggregator.name for name in shown} == set(AGGREGATORS)


@pytest.mark.parametrize("group", ["losses", "aggregators"])
def test_a_comparison_changes_one_thing_only(group):
    base = load_experiment(LAYOUT, "convap_resnet50")
    for name in experiment_sets(LAYOUT)[group]:
        other = load_experiment(LAYOUT, name)
        assert (other.image, other.places, other.seed, other.dataset) == (
            base.image,
            base.places,
            base.seed,
            base.dataset,
        )
        if group == "losses":
            assert other.model == base.model
            same = {"loss": base.training.loss, "miner": base.training.miner}
            assert other.training.model_copy(update=same) == base.training
        else:
            assert other.model.backbone == base.model.backbone
            assert other.training == base.training


def test_all_of_gsv_cities_choose_their_validation_by_what_is_there():
    for name in NAMES:
        experiment = load_experiment(LAYOUT, name)
        assert experiment.training.chooses_validation == (experiment.dataset == "gsv_cities")


def test_the_code_location_reads_all_of_them_in_a_moment():
    started = time.process_time()
    validation_benchmarks(LAYOUT)
    assert time.process_time() - started < 1.5  # 0.02, or ten times that with a garbage collection


@pytest.mark.parametrize("name", experiment_sets(LAYOUT)["losses"])
def test_the_loss_and_the_miner_of_a_comparison_work_together(name):
    training = load_experiment(LAYOUT, name).training
    objective = build_objective(
        training.loss.name,
        training.loss.arguments,
        miner=training.miner.name,
        miner_arguments=training.miner.arguments,
    )
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(6, 1, 16, generator=generator)
    images = (places + 1.5 * torch.randn(6, 4, 16, generator=generator)).flatten(0, 1)
    descriptors = torch.nn.functional.normalize(images, dim=1).requires_grad_()
    loss, _ = objective(descriptors, torch.arange(6).repeat_interleave(4))
    loss.backward()
    assert 0 < float(loss.detach()) < 1e3
    assert float(descriptors.grad.norm()) > 0
