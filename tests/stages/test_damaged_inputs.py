"""What is damaged or does not suffice is named, kept in quarantine, and nothing is made of it."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from tests.tiny import tiny_experiment
from tests.trackers import TRACKER


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


def test_what_was_admitted_to_quarantine_once_stays_admitted(tiny_layout: Layout) -> None:
    sorted((tiny_layout.dataset("demo") / "Images").rglob("*.JPG"))[0].write_bytes(b"")
    stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.0)
    with pytest.raises(DataError, match="the limit is 0 %"):
        stages.require_sound(tiny_layout, "demo")
    stages.build_catalog(tiny_layout, "demo", tracker=TRACKER, max_quarantined=0.1)
    assert stages.build_catalog(tiny_layout, "demo", tracker=TRACKER).cached
    stages.require_sound(tiny_layout, "demo")


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


def test_descriptors_that_are_not_finite_are_never_stored(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsv_pipeline.embeddings import describer

    before = (chain_layout.embeddings("demo_test", "demo") / "queries.npy").read_bytes()
    monkeypatch.setattr(describer, "normalise", lambda pixels: pixels.float() * float("nan"))
    with pytest.raises(RunError, match="are not finite"):
        stages.embed(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, force=True)
    assert (chain_layout.embeddings("demo_test", "demo") / "queries.npy").read_bytes() == before


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


def test_a_damaged_checkpoint_says_how_to_make_it_anew(chain_layout: Layout) -> None:
    path = chain_layout.checkpoint("demo") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="To make it anew, run: gsv-pipeline train demo --restart"):
        stages.embed(chain_layout, tiny_experiment(chain_layout), "demo_test", tracker=TRACKER, force=True)
