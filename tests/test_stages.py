"""The corridor: the whole chain on a tiny city, what is cached, what is refused."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from gsv_pipeline import recipes, stages, views
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.errors import ConfigError, DataError, RunError, StaleInputError, TrainingError
from gsv_pipeline.fetching import plan_fetch
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.sources.demo import TRAINING_CITIES
from gsv_pipeline.sources.own import dataset_rows
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_CITY, run_chain, tiny_experiment

TRACKER = NullTracker()


class Heard(NullTracker):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)


def test_the_chain_leaves_every_artifact_with_its_manifest(chain_layout: Layout) -> None:
    folders = [
        chain_layout.dataset("demo"),
        chain_layout.catalog("demo"),
        chain_layout.places("demo"),
        chain_layout.checkpoint("demo"),
        chain_layout.leaderboard(),
    ]
    for benchmark in ("demo_val", "demo_test"):
        folders.append(chain_layout.benchmark(benchmark))
        folders.append(chain_layout.embeddings(benchmark, "demo"))
        folders.append(chain_layout.faiss_index(benchmark, "demo"))
        folders.append(chain_layout.recall_report(benchmark, "demo"))
    for folder in folders:
        manifest = read_manifest(folder)
        assert manifest is not None, folder
        assert manifest.provenance["packages"]["torch"]
    assert not list(chain_layout.root.rglob("*.partial"))
    assert not list(chain_layout.root.rglob("*.failed.json"))


def test_training_never_sees_a_benchmark_city(chain_layout: Layout) -> None:
    places = pd.read_parquet(chain_layout.places("demo") / "places.parquet")
    trained = set(places["city"])
    for benchmark in ("demo_val", "demo_test"):
        for side in ("database", "queries"):
            table = pd.read_parquet(chain_layout.benchmark(benchmark) / f"{side}.parquet")
            assert trained.isdisjoint(table["place_id"].str.split("/").str[0])


def test_everything_is_cached_the_second_time_and_says_so(chain_layout: Layout) -> None:
    experiment, heard = tiny_experiment(chain_layout), Heard()
    before = {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("manifest.json")}
    results = [
        stages.fetch_dataset(chain_layout, "demo", tracker=heard),
        stages.build_catalog(chain_layout, "demo", tracker=heard),
        stages.build_places(chain_layout, experiment, tracker=heard),
        stages.train(chain_layout, experiment, tracker=heard),
        stages.build_benchmark(chain_layout, "demo_test", tracker=heard),
        stages.embed(chain_layout, experiment, "demo_test", tracker=heard),
        stages.build_index(chain_layout, experiment, "demo_test", tracker=heard),
        stages.evaluate(chain_layout, experiment, "demo_test", tracker=heard),
        stages.write_leaderboard(chain_layout, tracker=heard),
    ]
    assert all(result.cached for result in results)
    assert len(heard.said) == len(results)
    assert all("unchanged" in text for text in heard.said)
    assert before == {path: path.stat().st_mtime_ns for path in chain_layout.root.rglob("manifest.json")}


def test_recall_json_agrees_with_stored_predictions_and_positives(chain_layout: Layout) -> None:
    report = chain_layout.recall_report("demo_test", "demo")
    stored = json.loads((report / "recall.json").read_text())
    predictions = np.load(report / "predictions.npy")
    with np.load(chain_layout.benchmark("demo_test") / "positives.npz") as file:
        positives = np.split(file["flat"], np.cumsum(file["lengths"])[:-1])
    for k in (1, 5, 10):
        hits = [bool(set(row[:k]) & set(rows)) for row, rows in zip(predictions.tolist(), positives, strict=True)]
        assert stored["recall_at"][str(k)] == pytest.approx(np.mean(hits))
        low, high = stored["interval_at"][str(k)]
        assert low <= stored["recall_at"][str(k)] <= high


def test_the_leaderboard_has_a_row_per_report_and_per_baseline(chain_layout: Layout) -> None:
    rows = json.loads((chain_layout.leaderboard() / "leaderboard.json").read_text())
    for benchmark in ("demo_val", "demo_test"):
        here = [row for row in rows if row["benchmark"] == benchmark]
        assert [row["experiment"] for row in here if not row.get("of")] == ["demo"]
        baselines = {row["experiment"]: row["of"] for row in here if row.get("of")}
        assert baselines == dict.fromkeys(("untrained", "colour_histogram", "thumbnail"), "demo")
    for row in rows:
        assert set(row["recall_at"]) >= {"1", "5", "10", "20"}
        assert all(0.0 <= value <= 1.0 for value in row["recall_at"].values())


def test_baselines_are_shared_by_experiments(chain_layout: Layout) -> None:
    before = {path: path.stat().st_mtime_ns for path in (chain_layout.root / "baseline").rglob("recall.json")}
    assert len(before) == 6
    second = _own_experiment(chain_layout, "second", "seed: 7\n")
    stages.build_places(chain_layout, second, tracker=TRACKER)
    run_chain(chain_layout, second, benchmarks=("demo_val", "demo_test"))
    assert before == {path: path.stat().st_mtime_ns for path in (chain_layout.root / "baseline").rglob("recall.json")}
    rows = json.loads((chain_layout.leaderboard() / "leaderboard.json").read_text())
    assert {row["of"] for row in rows if row.get("of")} == {"demo", "second"}


def test_a_missing_input_is_refused_with_the_stage_to_run(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout)
    with pytest.raises(
        StaleInputError, match=r"'places/demo' is needed, but it is missing. Run: gsv-pipeline places demo"
    ):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    with pytest.raises(StaleInputError, match="Run: gsv-pipeline fetch demo"):
        stages.build_catalog(Layout(tiny_layout.root / "elsewhere"), "demo", tracker=TRACKER)


def test_an_image_changed_in_place_makes_the_catalog_stale_and_what_follows_it(chain_layout: Layout) -> None:
    image = sorted((chain_layout.dataset("demo") / "Images").rglob("*.JPG"))[0]
    image.write_bytes(image.read_bytes() + b"\xff\xd9")
    again = stages.build_catalog(chain_layout, "demo", tracker=TRACKER)
    assert not again.cached
    experiment = tiny_experiment(chain_layout)
    with pytest.raises(StaleInputError, match="'places/demo' is needed, but its input catalog/demo has changed"):
        stages.train(chain_layout, experiment, tracker=TRACKER)


def test_an_equal_table_keeps_everything_after_it_fresh(chain_layout: Layout) -> None:
    first = read_manifest(chain_layout.catalog("demo"))
    again = stages.build_catalog(chain_layout, "demo", tracker=TRACKER, force=True)
    assert not again.cached
    assert first is not None
    assert again.data_version == first.data_version
    assert stages.train(chain_layout, tiny_experiment(chain_layout), tracker=TRACKER).cached


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "a row has no image file"),
        (lambda path: path.write_bytes(b""), "an image file has 0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "an image file ends too early"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "a file is not an image"),
    ],
    ids=["missing", "empty", "truncated", "no image"],
)
def test_a_damaged_image_goes_to_quarantine_and_nothing_is_made_of_too_many(
    tiny_layout: Layout, damage, said: str
) -> None:  # type: ignore[no-untyped-def]
    image = sorted((tiny_layout.dataset("demo") / "Images").rglob("*.JPG"))[3]
    damage(image)
    admitted = stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.1)
    assert (admitted.metadata["quarantined"], admitted.metadata["sound"]) == (1, True)
    stages.require_sound(tiny_layout, "demo")
    refused = stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.0)
    assert refused.metadata["sound"] is False
    assert "quarantine" in Path(refused.metadata["report"]).read_text()
    for make in (
        lambda: stages.require_sound(tiny_layout, "demo"),
        lambda: stages.build_places(tiny_layout, tiny_experiment(tiny_layout), tracker=TRACKER),
        lambda: stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER),
    ):
        with pytest.raises(DataError, match=said) as caught:
            make()
        assert image.stem.split("_", 7)[-1] in str(caught.value)  # the panorama, with or without a file
        assert "gsv-pipeline fetch demo --force" in str(caught.value)


def test_a_closer_look_is_kept_until_something_changes(tiny_layout: Layout) -> None:
    def built(**options: Any) -> tuple[bool, str]:
        result = stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, **options)
        manifest = read_manifest(tiny_layout.catalog("demo"))
        assert manifest is not None
        return result.cached, manifest.config["look"]

    assert built() == (True, "quick")
    assert built(look="names") == (True, "quick")
    assert built(look="full") == (False, "full")
    assert built() == (True, "full")
    assert built(look="full") == (False, "full")  # only a look at every byte finds what no time stamp tells
    image = sorted((tiny_layout.dataset("demo") / "Images").rglob("*.JPG"))[3]
    os.utime(image, (1, 1))
    assert built(look="names") == (True, "full")
    assert built() == (False, "quick")
    assert built(max_quarantined=0.5) == (False, "quick")


def test_a_damaged_image_in_training_is_named(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    place = pd.read_parquet(tiny_layout.places("demo") / "places.parquet")["image_id"][0]
    image = tiny_layout.dataset("demo") / place
    image.write_bytes(image.read_bytes()[:300])
    with pytest.raises(DataError, match=f"{image.name} is damaged"):
        stages.train(tiny_layout, experiment, tracker=TRACKER)


def test_places_that_are_too_small_are_an_error_that_says_what_there_is(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout, "places.min_images_per_place=9")
    with pytest.raises(
        DataError, match=r"removed the last 18 places.*The largest place has 4. Change places.min_images_per_place"
    ):
        stages.build_places(tiny_layout, experiment, tracker=TRACKER)


def test_a_changed_configuration_does_not_replace_a_checkpoint_without_restart(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "training.learning_rate=0.01")
    before = (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match=r"training.learning_rate: found 0.003, expected 0.01.*--restart"):
        stages.train(chain_layout, changed, tracker=TRACKER)
    assert (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes() == before
    assert not stages.train(chain_layout, changed, tracker=TRACKER, restart=True).cached
    previous = chain_layout.previous(chain_layout.checkpoint("demo"))
    assert (previous / "model.safetensors").read_bytes() == before
    assert (chain_layout.checkpoint("demo") / "model.safetensors").read_bytes() != before


def test_an_artifact_of_another_configuration_is_refused_by_what_reads_it(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "image.height=48")
    with pytest.raises(StaleInputError, match="made by another configuration .image.height: found 32, expected 48"):
        stages.embed(chain_layout, changed, "demo_test", tracker=TRACKER)


def test_a_setting_that_shapes_nothing_leaves_the_checkpoint_fresh(chain_layout: Layout) -> None:
    changed = tiny_experiment(chain_layout, "training.checkpoint_every_steps=3", "description=other words")
    assert stages.train(chain_layout, changed, tracker=TRACKER).cached


def test_imported_weights_need_no_places_and_describe_alike(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "released.ckpt"
    torch.save(load_file(chain_layout.checkpoint("demo") / "model.safetensors"), weights)
    shutil.rmtree(chain_layout.root / "places")
    imported = _own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    result = stages.train(chain_layout, imported, tracker=TRACKER)
    assert result.metadata["imported_from"] == "released.ckpt"
    stages.embed(chain_layout, imported, "demo_test", tracker=TRACKER)
    ours, theirs = (
        np.load(chain_layout.embeddings("demo_test", name) / "queries.npy") for name in ("imported", "demo")
    )
    np.testing.assert_array_equal(ours, theirs)
    stages.build_index(chain_layout, imported, "demo_test", tracker=TRACKER)
    stages.evaluate(chain_layout, imported, "demo_test", tracker=TRACKER)
    page = (chain_layout.recall_report("demo_test", "imported") / "report.html").read_text()
    assert "not trained here" in page


def test_weights_of_another_model_are_refused(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "other.pt"
    torch.save({"backbone.model.conv1.weight": torch.zeros(3)}, weights)
    imported = _own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    with pytest.raises(DataError, match="does not fit the model"):
        stages.train(chain_layout, imported, tracker=TRACKER)
    assert not chain_layout.checkpoint("imported").exists()
    with pytest.raises(DataError, match="cannot be read"):
        stages.train(chain_layout, imported.model_copy(update={"weights": tmp_path / "absent.pt"}), tracker=TRACKER)


def test_a_loss_that_is_not_finite_stops_training_and_keeps_the_state_before(
    tiny_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.training.pixels import Pixels

    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    whole, calls = Pixels.__call__, iter(range(1, 100))

    def poisoned(self, *arguments, **named):  # type: ignore[no-untyped-def]
        pieces, factor = whole(self, *arguments, **named), float("nan") if next(calls) == 3 else 1.0
        return lambda piece: pieces(piece) * factor

    monkeypatch.setattr(Pixels, "__call__", poisoned)
    with pytest.raises(TrainingError, match=r"at step 3 of \d+, in a batch of 12 places .*\.JPG.* and 39 more"):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    state = torch.load(tiny_layout.training_state("demo") / "last.ckpt", weights_only=True)
    assert state["step"] == 2
    monkeypatch.setattr(Pixels, "__call__", whole)
    heard = Heard()
    stages.train(tiny_layout, experiment, tracker=heard)
    assert any("Resuming after step 2" in text for text in heard.said)


def test_an_interrupted_run_of_another_configuration_is_not_resumed(tiny_layout: Layout) -> None:
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    state = tiny_layout.training_state("demo")
    state.mkdir(parents=True)
    recipe = recipes.checkpoint(tiny_layout, tiny_experiment(tiny_layout, "seed=9"))
    (state / "identity.json").write_text(
        json.dumps({"identity": "another", "config": recipe.config, "restart": False}, default=str)
    )
    with pytest.raises(ConfigError, match=r"interrupted training of 'demo' .*seed: found 9, expected 1"):
        stages.train(tiny_layout, experiment, tracker=TRACKER)
    assert not stages.train(tiny_layout, experiment, tracker=TRACKER, restart=True).cached
    assert not state.exists()


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


def test_match_draws_any_two_folders_and_scores_names_with_coordinates(chain_layout: Layout, tmp_path: Path) -> None:
    city = chain_layout.dataset("demo") / "Images" / "Marwick"
    for number, image in enumerate(sorted(city.iterdir())):
        folder = tmp_path / ("queries" if number % 3 == 0 else "database")
        folder.mkdir(exist_ok=True)
        shutil.copy(image, folder / image.name)
    experiment = tiny_experiment(chain_layout)
    folders = {"database": tmp_path / "database", "queries": tmp_path / "queries"}
    scored = views.match(chain_layout, experiment, **folders, tracker=TRACKER, output=tmp_path / "page.html")
    assert 0.0 <= scored.metadata["R@1"] <= scored.metadata["R@10"] <= 1.0
    assert "<img" in (tmp_path / "page.html").read_text()
    for image in sorted(folders["queries"].iterdir()):
        image.rename(image.with_name(f"photo{image.stem[-6:]}.jpg"))
    heard = Heard()
    views.match(chain_layout, experiment, database=folders["queries"], queries=folders["queries"], tracker=heard)
    assert any("queries are database images too" in text for text in heard.said)
    plain = views.match(chain_layout, experiment, **folders, tracker=TRACKER)
    assert "R@1" not in plain.metadata
    assert plain.artifact.parent == chain_layout.match("demo")
    other = views.match(chain_layout, experiment, database=folders["queries"], queries=city, tracker=TRACKER)
    again = views.match(chain_layout, experiment, **folders, tracker=TRACKER)
    assert again.artifact == plain.artifact != other.artifact
    assert plain.artifact.is_file()


def test_descriptors_that_are_not_finite_are_never_stored(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.embeddings import describer

    before = (chain_layout.embeddings("demo_test", "demo") / "queries.npy").read_bytes()
    monkeypatch.setattr(describer, "normalise", lambda pixels: pixels.float() * float("nan"))
    with pytest.raises(RunError, match="are not finite"):
        stages.embed(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, force=True)
    assert (chain_layout.embeddings("demo_test", "demo") / "queries.npy").read_bytes() == before


def test_a_folder_source_is_used_where_it_lies(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    original = tiny_demo / "dataset" / "demo"
    where = {"source": "folder", "arguments": {"path": str(original)}}
    stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER, **where)
    result = stages.build_catalog(layout, "gsv_cities", tracker=TRACKER)
    assert len(result.metadata["cities"]) == 5
    assert not list((tmp_path / "data").rglob("*.JPG"))
    assert stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER).cached
    assert stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER, **where).cached


def test_a_copy_that_changed_where_it_lies_is_another_version(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_demo / "dataset" / "demo", copy)
    first = stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": str(copy)})
    stages.build_catalog(layout, "mine", tracker=TRACKER)
    sorted((copy / "Images").rglob("*.JPG"))[0].unlink()
    again = stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    assert not again.cached
    assert again.data_version != first.data_version
    assert stages.build_catalog(layout, "mine", tracker=TRACKER).metadata["quarantined"] == 1


def test_a_new_name_with_a_source_defines_a_data_set_once_it_is_there(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    with pytest.raises(ConfigError, match="Unknown data set 'mine'"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    (tmp_path / "other").mkdir()
    wrong = {"path": str(tmp_path / "other")}
    with pytest.raises(DataError, match="is no copy of GSV-Cities"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments=wrong)
    assert "mine" not in dataset_rows(layout)
    path = str(tiny_demo / "dataset" / "demo")
    stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": path})
    assert dataset_rows(layout)["mine"].arguments["path"] == path


def test_a_dataset_that_needs_something_from_the_user_says_what(tiny_layout: Layout) -> None:
    with pytest.raises(
        ConfigError, match=r"argument 'path' is missing.*gsv-pipeline fetch gsv_cities --source folder path="
    ):
        stages.fetch_dataset(tiny_layout, "gsv_cities", tracker=TRACKER, source="folder")
    with pytest.raises(ConfigError, match="Unknown source 'folders'. Did you mean 'folder'"):
        stages.fetch_dataset(tiny_layout, "gsv_cities", tracker=TRACKER, source="folders")
    with pytest.raises(ConfigError, match="unexpected argument 'sead'. Did you mean 'seed'"):
        stages.fetch_dataset(tiny_layout, "demo", tracker=TRACKER, arguments={"sead": 2})


def _own_experiment(layout: Layout, name: str, extra: str, *, training: bool = True) -> Experiment:
    """A user's experiment under the data root, as tiny as the others."""
    values = json.loads(tiny_experiment(layout).model_dump_json(exclude={"name", "weights", "seed"}))
    if not training:
        values.pop("training")
    layout.experiments().mkdir(exist_ok=True)
    (layout.experiments() / f"{name}.yaml").write_text(yaml.safe_dump(values) + extra)
    return load_experiment(layout, name)


def test_an_image_that_changed_makes_everything_that_saw_it_stale_although_all_tables_keep_their_rows(
    chain_layout: Layout,
) -> None:
    experiment = tiny_experiment(chain_layout)
    query = pd.read_parquet(chain_layout.benchmark("demo_test") / "queries.parquet")["image_id"][0]
    other = sorted((chain_layout.dataset("demo") / "Images" / TRAINING_CITIES[0]).iterdir())[0]
    (chain_layout.dataset("demo") / query).write_bytes(other.read_bytes())
    stages.build_catalog(chain_layout, "demo", tracker=TRACKER)
    assert stages.build_places(chain_layout, experiment, tracker=TRACKER).cached is False
    assert not stages.build_benchmark(chain_layout, "demo_test", tracker=TRACKER).cached
    stages.build_benchmark(chain_layout, "demo_val", tracker=TRACKER)
    assert stages.train(chain_layout, experiment, tracker=TRACKER).cached, "no training image changed"
    assert not stages.embed(chain_layout, experiment, "demo_test", tracker=TRACKER).cached
    assert stages.embed(chain_layout, experiment, "demo_val", tracker=TRACKER).cached, "no image of it changed"


def test_the_same_weights_at_another_input_size_are_described_anew(chain_layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    shutil.copy(chain_layout.checkpoint("demo") / "model.safetensors", weights)
    imported = _own_experiment(chain_layout, "imported", f"weights: {weights}\n", training=False)
    stages.train(chain_layout, imported, tracker=TRACKER)
    stages.embed(chain_layout, imported, "demo_test", tracker=TRACKER)
    larger = imported.model_copy(update={"image": imported.image.model_copy(update={"height": 64})})
    stages.train(chain_layout, larger, tracker=TRACKER, replace=True)
    assert not stages.embed(chain_layout, larger, "demo_test", tracker=TRACKER).cached


def test_a_cached_train_leaves_the_state_of_a_run_that_is_under_way(chain_layout: Layout) -> None:
    state = chain_layout.training_state("demo")
    state.mkdir(parents=True)
    (state / "last.ckpt").write_bytes(b"of another process")
    assert stages.train(chain_layout, tiny_experiment(chain_layout), tracker=TRACKER).cached
    assert (state / "last.ckpt").read_bytes() == b"of another process"


def test_a_restart_that_was_killed_goes_on_when_it_is_typed_again(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.training import loop

    experiment = tiny_experiment(chain_layout)
    take = loop.Trainer._take

    def strike(self, done, *arguments, **named):  # type: ignore[no-untyped-def]
        if done.step == 3:
            raise KeyboardInterrupt
        take(self, done, *arguments, **named)

    monkeypatch.setattr(loop.Trainer, "_take", strike)
    with pytest.raises(KeyboardInterrupt):
        stages.train(chain_layout, experiment, tracker=TRACKER, restart=True)
    monkeypatch.setattr(loop.Trainer, "_take", take)
    heard = Heard()
    assert not stages.train(chain_layout, experiment, tracker=heard, restart=True).cached
    assert any("Resuming after step 3" in text for text in heard.said)
    lines = (chain_layout.checkpoint("demo") / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, len(lines) + 1))
    heard = Heard()
    assert not stages.train(chain_layout, experiment, tracker=heard, restart=True).cached
    assert not any("Resuming" in text for text in heard.said), "a finished restart is over"


def test_a_checkpoint_made_while_waiting_is_not_replaced(chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tiny_experiment(chain_layout, "training.learning_rate=0.01")
    refuse, asked = stages.compose.refuse_changed_training, []

    def too_early(layout: Layout, experiment: Experiment) -> None:
        asked.append(experiment.name)
        if len(asked) > 1:
            refuse(layout, experiment)

    monkeypatch.setattr(stages.compose, "refuse_changed_training", too_early)
    with pytest.raises(ConfigError, match="--restart"):
        stages.train(chain_layout, changed, tracker=TRACKER)
    assert len(asked) == 2


def test_a_default_that_is_spelt_out_is_no_change(tiny_layout: Layout) -> None:
    assert stages.fetch_dataset(tiny_layout, "demo", tracker=TRACKER, arguments={**TINY_CITY, "seed": 1}).cached


def test_stated_recall_does_not_depend_on_what_the_processor_is_good_at(chain_layout: Layout) -> None:
    from gsv_pipeline.embeddings.extract import describe
    from gsv_pipeline.images import ImageReader

    experiment = tiny_experiment(chain_layout)
    model = stages.compose.load_model(chain_layout, experiment)
    paths = stages.compose.benchmark_paths(chain_layout, "demo_test")["queries"]
    reader = ImageReader(paths, height=32, width=40)
    exact = describe(model, reader, tracker=TRACKER, description="", precision="32-true")
    stored = np.load(chain_layout.embeddings("demo_test", "demo") / "queries.npy")
    np.testing.assert_allclose(stored, exact, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("catalog/demo/catalog.parquet", "places"),
        ("places/demo/paths.npy", "train"),
        ("recall_report/demo_test/demo/recall.json", "leaderboard"),
    ],
)
def test_a_damaged_file_of_ours_is_named(chain_layout: Layout, file: str, stage: str) -> None:
    path = chain_layout.root / file
    path.write_bytes(path.read_bytes()[:40])
    experiment = tiny_experiment(chain_layout)
    again = {
        "places": lambda: stages.build_places(chain_layout, experiment, tracker=TRACKER, force=True),
        "train": lambda: stages.train(chain_layout, experiment, tracker=TRACKER, restart=True),
        "leaderboard": lambda: stages.write_leaderboard(chain_layout, tracker=TRACKER, force=True),
    }
    with pytest.raises(DataError, match=f"{path.name} is not readable"):
        again[stage]()


def test_a_match_page_that_cannot_be_written_is_one_message(chain_layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    city = chain_layout.dataset("demo") / "Images" / "Marwick"
    with pytest.raises(DataError, match=r"cannot be written .* Choose another one with --output"):
        views.match(
            chain_layout,
            tiny_experiment(chain_layout),
            database=city,
            queries=city,
            tracker=TRACKER,
            output=tmp_path / "file" / "page.html",
        )


def test_a_damaged_checkpoint_says_how_to_make_it_anew(chain_layout: Layout) -> None:
    path = chain_layout.checkpoint("demo") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="To make it anew, run: gsv-pipeline train demo --restart"):
        stages.embed(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, force=True)


@pytest.mark.parametrize("text", ["xx", "[]", '{"identity": "abc"}'])
def test_a_torn_note_beside_an_interrupted_run_starts_it_anew(tiny_layout: Layout, text: str) -> None:
    experiment = tiny_experiment(tiny_layout)
    stages.build_places(tiny_layout, experiment, tracker=TRACKER)
    stages.build_benchmark(tiny_layout, "demo_val", tracker=TRACKER)
    tiny_layout.training_state("demo").mkdir(parents=True)
    (tiny_layout.training_state("demo") / "identity.json").write_text(text)
    assert stages.train(tiny_layout, experiment, tracker=TRACKER).metadata["steps"] == 6


def test_a_report_quotes_the_snapshot_of_its_images_as_long_as_they_are_those(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)

    def page() -> str:
        stages.evaluate(chain_layout, experiment, "demo_test", tracker=TRACKER, force=True)
        return (chain_layout.recall_report("demo_test", "demo") / "report.html").read_text()

    def note(listing: str) -> None:
        path = chain_layout.dataset("demo") / "manifest.json"
        values = json.loads(path.read_text())
        values["metadata"]["dvc"] = {"md5": "0123abcd.dir", "nfiles": 121, "listing": listing}
        path.write_text(json.dumps(values))

    assert "not needed, as it can be rendered again" in page()
    catalog = read_manifest(chain_layout.catalog("demo"))
    assert catalog is not None
    note(catalog.config["files"])
    assert "md5 0123abcd.dir, 121 files" in page()
    note("another listing")
    assert "they changed after md5 0123abcd.dir" in page()


def test_a_copy_that_moved_is_fetched_from_where_it_is_now(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    shutil.copytree(tiny_demo / "dataset" / "demo", tmp_path / "old")
    first = stages.fetch_dataset(
        layout, "mine", tracker=TRACKER, source="folder", arguments={"path": str(tmp_path / "old")}
    )
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(DataError, match="fetch the data set from where it is now"):
        stages.build_catalog(layout, "mine", tracker=TRACKER)
    again = stages.fetch_dataset(layout, "mine", tracker=TRACKER, arguments={"path": str(tmp_path / "new")})
    assert again.data_version == first.data_version
    assert dataset_rows(layout)["mine"].arguments["path"] == str(tmp_path / "new")
    assert stages.build_catalog(layout, "mine", tracker=TRACKER).metadata["sound"]


def test_a_definition_that_a_person_wrote_is_left_as_it_is(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.datasets().mkdir(parents=True)
    path = layout.datasets() / "mine.yaml"
    shutil.copytree(tiny_demo / "dataset" / "demo", layout.datasets() / "copy")
    path.write_text("# mine alone\nsource: folder\narguments: {path: copy}\n")
    before = path.read_text()
    stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    stages.fetch_dataset(layout, "mine", tracker=TRACKER, force=True)
    assert path.read_text() == before


def test_secrets_of_an_address_are_kept_nowhere_and_asked_for_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    arguments = {"url": "https://me:secret@host.invalid/x.zip?sig=abc"}
    plan = plan_fetch(layout, "mine", source="archive", arguments=arguments)
    assert plan.arguments["url"] == arguments["url"]
    assert "secret" not in str(plan.config)
    assert "abc" not in str(plan.config)
    assert plan.definition == {}
    later = replace(plan, arguments=plan.config["arguments"])
    with pytest.raises(ConfigError, match="Give the address again: url="):
        later.run(tmp_path, downloads=tmp_path, tracker=TRACKER)


def test_the_rendered_data_set_is_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Data set 'demo' is rendered. Give other images another name"):
        stages.fetch_dataset(
            Layout(tmp_path), "demo", tracker=TRACKER, source="folder", arguments={"path": str(tmp_path)}
        )


def test_a_broken_definition_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.datasets().mkdir(parents=True)
    (layout.datasets() / "mine.yaml").write_text("sauce: folder\n")
    with pytest.raises(ConfigError, match="Unknown setting 'sauce'. Did you mean 'source'"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": "/nowhere"})


def test_what_was_admitted_to_quarantine_once_stays_admitted(tiny_layout: Layout) -> None:
    sorted((tiny_layout.dataset("demo") / "Images").rglob("*.JPG"))[0].write_bytes(b"")
    stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.0)
    with pytest.raises(DataError, match="the limit is 0 %"):
        stages.require_sound(tiny_layout, "demo")
    stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.1)
    assert stages.build_catalog(tiny_layout, "demo", tracker=TRACKER).cached
    stages.require_sound(tiny_layout, "demo")


def test_a_city_may_be_called_as_people_call_it(tiny_layout: Layout) -> None:
    path = tiny_layout.catalog("demo") / "manifest.json"
    values = json.loads(path.read_text())
    for cities, named in ((["Paris"], "Paris"), (["PRS"], "Paris"), (["PRS"], "PRS")):
        values["metadata"]["cities"] = cities
        path.write_text(json.dumps(values))
        stages.check_experiment(tiny_layout, tiny_experiment(tiny_layout, f"places.cities=[{named}]"))
    with pytest.raises(ConfigError, match="Unknown city 'Rome'"):
        stages.check_experiment(tiny_layout, tiny_experiment(tiny_layout, "places.exclude_cities=[Rome]"))


@pytest.mark.parametrize("source", ["folder", "photographs"])
@pytest.mark.parametrize("where", ["", "below", ".."])
def test_photographs_that_lie_where_the_data_set_will_be_are_never_replaced(
    tiny_demo: Path, tmp_path: Path, source: str, where: str
) -> None:
    layout = Layout(tmp_path / "data")
    shutil.copytree(tiny_demo / "dataset" / "demo", layout.dataset("mine") / "below")
    before = sorted(layout.root.rglob("*"))
    with pytest.raises(ConfigError, match="lies where the pipeline keeps what it fetches"):
        stages.fetch_dataset(
            layout, "mine", tracker=TRACKER, source=source, arguments={"path": str(layout.dataset("mine") / where)}
        )
    assert [path for path in sorted(layout.root.rglob("*")) if path.is_file()] == [p for p in before if p.is_file()]


def test_a_folder_that_the_pipeline_did_not_make_is_never_replaced(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.dataset("mine").mkdir(parents=True)
    (layout.dataset("mine") / "notes.txt").write_text("mine")
    where = {"source": "folder", "arguments": {"path": str(tiny_demo / "dataset" / "demo")}}
    with pytest.raises(DataError, match=r"holds files that the pipeline did not make \(notes.txt\)"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, **where)
    assert (layout.dataset("mine") / "notes.txt").read_text() == "mine"
    shutil.rmtree(layout.dataset("mine"))
    (tmp_path / "disk").mkdir()
    layout.dataset("mine").symlink_to(tmp_path / "disk")
    with pytest.raises(DataError, match="is a link, and the pipeline replaces whole folders"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, **where)
    assert layout.dataset("mine").is_symlink()
