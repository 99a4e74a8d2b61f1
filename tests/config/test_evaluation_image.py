"""The size of descriptions beside that of training: what it takes over, what it makes stale, what it does not."""

import pytest

from gsv_pipeline import recipes
from gsv_pipeline.config import load_experiment
from gsv_pipeline.layout import Layout

TEXT = "training: {}\nimage: {height: 224, width: 280, interpolation: bicubic}\n"


@pytest.fixture
def load(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.experiments().mkdir(parents=True)

    def write_and_load(text, *overrides):
        (layout.experiments() / "mine.yaml").write_text(text)
        return layout, load_experiment(layout, "mine", overrides)

    return write_and_load


def test_without_one_images_are_described_at_the_size_of_training(load):
    _, experiment = load(TEXT)
    assert experiment.evaluation_image is None
    assert experiment.described_image == experiment.image


def test_what_it_leaves_out_is_as_in_training(load):
    _, experiment = load(f"{TEXT}evaluation_image: {{height: 322}}\n")
    image = experiment.described_image
    assert (image.height, image.width, image.interpolation) == (322, 280, "bicubic")
    _, experiment = load(TEXT, "evaluation_image.width=322", "evaluation_image.interpolation=bilinear")
    image = experiment.described_image
    assert (image.height, image.width, image.interpolation) == (224, 322, "bilinear")


def test_it_shapes_descriptions_and_not_the_checkpoint(load):
    layout, before = load(TEXT)
    _, after = load(f"{TEXT}evaluation_image: {{height: 322}}\n")
    assert recipes.checkpoint(layout, before) == recipes.checkpoint(layout, after)
    described = [recipes.embeddings_of(layout, item, "demo_test").config["image"]["height"] for item in (before, after)]
    assert described == [224, 322]
