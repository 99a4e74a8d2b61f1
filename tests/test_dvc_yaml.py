"""`dvc.yaml` and the experiment that it runs: of every setting it knows which stages to run again."""

from pathlib import Path

import yaml

from gsv_pipeline.config import Experiment
from gsv_pipeline.config.files import load_experiment
from gsv_pipeline.layout import Layout

REPOSITORY = Path(__file__).parents[1]
DEMO = "gsv_pipeline/configs/experiments/demo.yaml"
UNTRACKED = {"description"}  # words for readers, which change no number
STAGE_OF_SETTING = {"training": "train", "evaluation_image": "embed", "places": "places"}


def params() -> dict[str, set[str]]:
    """Stage -> settings of the demo that it is run again for."""
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    bodies = {name: stage.get("do", stage) for name, stage in stages.items()}
    return {name: {key for item in body.get("params", ()) for key in item[DEMO]} for name, body in bodies.items()}


def test_every_setting_of_the_demo_is_a_parameter_of_a_stage() -> None:
    values = yaml.safe_load((REPOSITORY / DEMO).read_text(encoding="utf-8"))
    tracked = set().union(*params().values())
    assert tracked == set(values) - UNTRACKED
    for setting, stage in STAGE_OF_SETTING.items():
        assert setting in params()[stage]


def test_what_the_demo_leaves_out_cannot_be_set_beside_training() -> None:
    values = yaml.safe_load((REPOSITORY / DEMO).read_text(encoding="utf-8"))
    absent = set(Experiment.model_fields) - set(values) - {"name", "overrides"}
    assert absent == {"weights", "callable", "arguments"}  # other origins of a model; the demo trains


def test_the_size_that_is_null_is_that_of_training_and_can_be_set_in_part(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    demo = load_experiment(layout, "demo")
    values = yaml.safe_load((REPOSITORY / DEMO).read_text(encoding="utf-8"))
    assert values["evaluation_image"] is None
    del values["evaluation_image"]
    assert Experiment(name="demo", **values) == demo
    larger = load_experiment(layout, "demo", ["evaluation_image.height=180", "evaluation_image.width=240"])
    assert (larger.described_image.height, larger.described_image.width) == (180, 240)
    assert larger.image == demo.image == demo.described_image
