"""Experiments: precedence, what is refused, and the sentence it is refused with."""

import pytest
import yaml
from pydantic import ValidationError

from gsv_pipeline.config import (
    SHIPPED,
    Experiment,
    experiment_files,
    load_experiment,
    parse_setting,
    validation_benchmarks,
)
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout

MINIMAL = "training: {}\n"


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.experiments().mkdir(parents=True)
    return layout


@pytest.fixture
def load(layout):
    """Write `text` as experiment `mine` and load it."""

    def write_and_load(text, *overrides, name="mine"):
        (layout.experiments() / f"{name}.yaml").write_text(text, encoding="utf-8")
        return load_experiment(layout, name, overrides)

    return write_and_load


def test_shipped_experiments_are_found_and_load(layout):
    files = experiment_files(layout)
    assert {"demo", "convap_resnet50"} <= set(files)
    for name in files:
        assert load_experiment(layout, name).name == name


def test_the_published_recipe_has_the_published_values(layout):
    experiment = load_experiment(layout, "convap_resnet50")
    training = experiment.training
    assert (training.places_per_batch, training.images_per_place, training.epochs) == (100, 4, 30)
    assert (training.learning_rate, training.weight_decay) == (2e-4, 0.0)
    assert (experiment.image.height, experiment.image.width, experiment.image.interpolation) == (320, 320, "bilinear")
    arguments = experiment.model.aggregator.arguments
    assert arguments["out_channels"] * arguments.get("s1", 2) * arguments.get("s2", 2) == 4096


def test_a_setting_that_stands_there_twice_is_refused(load):
    with pytest.raises(ConfigError, match=r"'seed' stands there twice. Keep one of them."):
        load(MINIMAL + "seed: 1\nseed: 2\n")


def test_own_experiments_stand_beside_the_shipped_ones(load, layout):
    assert load(MINIMAL).name == "mine"
    files = experiment_files(layout)
    assert list(files) == sorted(files)
    assert files["mine"].parent == layout.experiments()


def test_an_own_experiment_may_not_take_a_shipped_name(load):
    with pytest.raises(ConfigError, match=r"'demo' in .*demo\.yaml has the name of a shipped one. Rename the file"):
        load(MINIMAL, name="demo")


def test_without_a_data_root_there_are_only_shipped_ones(tmp_path):
    assert set(experiment_files(Layout(tmp_path / "absent"))) == {path.stem for path in SHIPPED.rglob("*.yaml")}


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("demmo", ". Did you mean 'demo'? gsv-pipeline list shows all {number}."),
        ("dmeo", ". Did you mean 'demo'? gsv-pipeline list shows all {number}."),
        ("convap_resnet50_lited", ". Did you mean 'convap_resnet50_lifted'? gsv-pipeline list shows all {number}."),
        (
            "mixvpr",
            ". Did you mean 'mixvpr_resnet50' or 'mixvpr_resnet50_128' or 'mixvpr_resnet50_512'? "
            "gsv-pipeline list shows all {number}.",
        ),
        ("foo_resnet50", ", none of the {number} is called alike: gsv-pipeline list shows them."),
        ("", ", none of the {number} is called alike: gsv-pipeline list shows them."),
    ],
)
def test_an_unknown_experiment_raises_with_close_names_alone_and_where_own_ones_go(layout, name, guess):
    with pytest.raises(ConfigError) as caught:
        load_experiment(layout, name)
    said = guess.format(number=len(experiment_files(layout)))
    assert str(caught.value) == f"Unknown experiment '{name}'{said} Own ones go to {layout.experiments()}/."


def test_the_command_line_goes_before_the_file_and_the_file_before_the_defaults(load):
    text = "seed: 5\ntraining: {epochs: 3}\n"
    assert (load(text).seed, load(text).training.epochs, load(text).training.images_per_place) == (5, 3, 4)
    experiment = load(text, "training.epochs=7", "image.height=64", "model.aggregator={name: gem, p: 2}", "seed=6")
    assert (experiment.training.epochs, experiment.image.height, experiment.seed) == (7, 64, 6)
    assert experiment.model.aggregator.name == "gem"
    assert experiment.model.aggregator.arguments == {"p": 2}


def test_later_settings_go_before_earlier_ones(load):
    assert load(MINIMAL, "seed=2", "seed=3").seed == 3


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("a=1", "a", 1),
        ("a.b=0.5", "a.b", 0.5),
        (" a = x", "a", "x"),
        ("a=b=c", "a", "b=c"),
        ("a=[1, 2]", "a", [1, 2]),
        ("a=", "a", None),
    ],
)
def test_a_setting_is_split_and_read_as_yaml(text, key, value):
    assert parse_setting(text) == (key, value)


@pytest.mark.parametrize("text", ["epochs", "=3", " =3"])
def test_a_setting_without_key_or_sign_is_refused(text):
    with pytest.raises(ConfigError, match=r"is no setting. Expected key=value, for example training.epochs=3"):
        parse_setting(text)


def test_a_setting_with_an_unreadable_value_is_refused():
    with pytest.raises(ConfigError, match="the value is not readable as YAML"):
        parse_setting("a=[1")


def test_a_setting_below_a_value_is_refused(load):
    with pytest.raises(ConfigError, match=r"'seed.x=3': 'seed' is a value, it holds no 'x'"):
        load("seed: 1\ntraining: {}\n", "seed.x=3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {epohcs: 3}", "training.epohcs: Unknown setting 'epohcs'. Did you mean 'epochs'? Available: "),
        ("training: {}\nimgae: {}", "imgae: Unknown setting 'imgae'. Did you mean 'image'?"),
        ("training: {}\nimage: {heigth: 3}", "image.heigth: Unknown setting 'heigth'. Did you mean 'height'?"),
        ("training: {}\nextend: demo", "extend: Unknown setting 'extend'. Did you mean 'extends'? Available: "),
        ("training: {epochs: many}", "training.epochs: found 'many', expected a whole number."),
        ("training: {epochs: 2.5}", "training.epochs: found 2.5, expected a whole number."),
        ("training: {epochs: }", "training.epochs: found no value, expected a whole number."),
        ("training: {epochs: 0}", "training.epochs: found 0, expected 1 or more."),
        ("training: {learning_rate: 0}", "training.learning_rate: found 0, expected more than 0"),
        ("training: {learning_rate: [1]}", "training.learning_rate: found [1], expected a number."),
        ("training: {compile: perhaps}", "training.compile: found 'perhaps', expected true or false."),
        ("training: {validation: 3}", "training.validation: found 3, expected a list, such as [a, b]."),
        ("training: {validation: [3]}", "training.validation.0: found 3, expected text, in quotes if it looks like a"),
        (
            "training: {precision: fp8}",
            "training.precision: found 'fp8', expected 'auto', '32-true', '16-mixed' or 'bf16-mixed'.",
        ),
        ("training: {loss: triplet}", "training.loss: found 'triplet', expected a name and its arguments: {name: trip"),
        ("training: {loss: {margin: 1}}", "training.loss.name: it is missing; gsv-pipeline list shows what 'loss' can"),
        (
            "training: {}\nimage: 320",
            "image: found 320, expected settings below it, any of height, width, interpolation.",
        ),
        (
            "training: {}\nevaluation_image: 320",
            "evaluation_image: found 320, expected settings below it, any of height",
        ),
        ("weights: [1]", "weights: found [1], expected the path of a file."),
        ("callable: a:b\narguments: 3", "arguments: found 3, expected a mapping, such as {size: 3}."),
        ("seed: -1\ntraining: {}", "seed: found -1, expected 0 or more."),
        (f"seed: '{'7' * 5000}'\ntraining: {{}}", "777…, and that does not fit: "),
        ("places: {sample_seed: 10000000000000000}\ntraining: {}", "expected less than 10000000000000000."),
        ("places: {min_images_per_place: 1}\ntraining: {}", "places.min_images_per_place"),
        ("training: {}\n5: 6", "5: found 5, expected a setting's name."),
        (
            "training: {}\nweights: w.ckpt",
            "'training', 'weights' and 'callable' is needed, found 'training' and 'weights'",
        ),
        ("seed: 1", "exactly one of 'training', 'weights' and 'callable' is needed, found none"),
        ("callable: nowhere", "callable: found 'nowhere', expected module:function, such as my_models:describe."),
        ("callable: a:b\nmodel: {aggregator: {name: gem}}", "a 'callable' is the whole model: take 'model' out"),
        ("weights: a.pt\narguments: {}", "'arguments' are those of a 'callable', and there is none"),
        ("training: {validation: [auto, demo_val]}", "'auto' stands alone, found auto, demo_val"),
        ("training: {}\nevaluation_image: {heigth: 3}", "evaluation_image.heigth: Unknown setting 'heigth'. Did you"),
        ("training: {images_per_place: 5}", "images_per_place is 5, but places with 4 images are admitted"),
        ("name: mine\ntraining: {}", "'name' is the file's name and cannot be set"),
        ("- a list", "expected a mapping of settings, found list"),
        ("", "mine.yaml is empty: it holds no setting. The shortest one that does holds the line: extends: demo"),
        ("# nothing yet\n", "mine.yaml is empty"),
        ("training: {", "is not readable as YAML"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(load, text, words):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert words in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_several_faults_are_told_at_once_and_where_to_correct_them(load, layout):
    text, path = "seed: -1\nimage: {height: 3}\ntraining: {}", layout.experiments() / "mine.yaml"
    faults = "\n  seed: found -1, expected 0 or more.\n  image.height: found 3, expected 16 or more.\n"
    with pytest.raises(ConfigError) as caught:
        load(text)
    then = "Correct it in the file; gsv-pipeline check mine says when it is valid."
    assert str(caught.value) == f"{path} is not a valid experiment:{faults}{then}"
    with pytest.raises(ConfigError) as caught:
        load(text, "training.epochs=2")
    then = "Correct it in the file or in the command."
    assert str(caught.value) == f"{path} with training.epochs=2 is not a valid experiment:{faults}{then}"


def test_what_may_be_written_is_listed_and_nothing_else(load):
    with pytest.raises(ConfigError) as caught:
        load(f"{MINIMAL}zzz: 1\n")
    listed = str(caught.value).partition("Available: ")[2].partition(".\n")[0].split(", ")
    assert {"extends", "training", "weights", "callable", "seed"} <= set(listed)
    assert {"name", "overrides"}.isdisjoint(listed)
    for name in listed:  # each is indeed read: a wrong value is refused for being wrong, and not for being unknown
        with pytest.raises(ConfigError) as caught:
            load(f"{name}: {{zzz: {{}}}}\n")
        assert f"  {name}: Unknown setting" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load("training: {zzz: 1}\n")
    assert "extends" not in str(caught.value)


def test_the_shortest_experiment_that_is_shown_is_one(load):
    with pytest.raises(ConfigError) as caught:
        load("")
    assert load(str(caught.value).partition("the line: ")[2]).dataset == "demo"


def test_a_file_that_is_no_text_is_refused(layout):
    (layout.experiments() / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.yaml is not readable as YAML"):
        load_experiment(layout, "mine")


@pytest.mark.parametrize("name", ["demo.previous", "demo.failed.json"])
def test_a_name_that_stands_beside_an_artifact_is_refused(load, name):
    with pytest.raises(ConfigError, match=r"name: a name may not end in \.previous or \.failed\.json, found '"):
        load(MINIMAL, name=name)


@pytest.mark.parametrize("name", ["Mine", ".mine", "a b"])
def test_a_name_that_is_no_name_is_refused(load, name):
    with pytest.raises(
        ConfigError, match=r"name: found '.*', expected a file name of lowercase letters, .*: rename it\."
    ):
        load(MINIMAL, name=name)


def test_weights_are_relative_to_the_file(load, layout, tmp_path):
    assert load("weights: released/best.ckpt").weights == layout.experiments() / "released" / "best.ckpt"
    assert load(f"weights: {tmp_path}/best.ckpt").weights == tmp_path / "best.ckpt"


def test_an_experiment_survives_its_own_yaml(layout):
    for name in experiment_files(layout):
        experiment = load_experiment(layout, name, ("seed=9",))
        again = Experiment.model_validate({**yaml.safe_load(experiment.to_yaml()), "overrides": experiment.overrides})
        assert again == experiment
        assert "overrides" not in experiment.to_yaml()


def test_an_experiment_is_frozen(load):
    with pytest.raises(ValidationError, match="frozen"):
        load(MINIMAL).seed = 2


def test_benchmarks_that_experiments_validate_on_are_found_beside_one_that_cannot_be_read(load, layout):
    before = validation_benchmarks(layout)
    assert {"demo_val", "pitts30k_val", "msls_val", "gsv_holdout"} <= set(before)  # the shipped ones choose among these
    load("training: {validation: [pitts250k_test, demo_val]}", name="other")
    load("weights: w.ckpt", name="imported")
    (layout.experiments() / "broken.yaml").write_text("training: {")
    assert validation_benchmarks(layout) == sorted({*before, "pitts250k_test"})
