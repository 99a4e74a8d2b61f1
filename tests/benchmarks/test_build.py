"""Making published benchmarks from copies that are used where they lie: recognised, counted, compared, noticed."""

import json

import numpy as np
import pytest

from gsv_pipeline import compose, recipes, stages
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.data import load_benchmark
from gsv_pipeline.errors import ConfigError, DataError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, why_stale
from gsv_pipeline.sources import DATASETS
from gsv_pipeline.tracking import NullTracker
from tests.benchmarks.folders import copy_photos, lists, numbered, utm_name, write_lists, write_photos
from tests.trackers import Heard

PAIRS = 210  # of ESSEX3IN1


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "data")


@pytest.fixture
def essex(tmp_path):
    copy_photos(tmp_path / "essex", [*numbered("ref", PAIRS), *numbered("query", PAIRS)])
    return tmp_path / "essex"


def fetch(layout, dataset, path, **arguments):
    return stages.fetch_dataset(
        layout, dataset, tracker=NullTracker(), source="folder", arguments={"path": str(path), **arguments}
    )


def build(layout, name, **more):
    return stages.build_benchmark(layout, name, tracker=more.pop("tracker", NullTracker()), **more)


def test_a_copy_becomes_a_benchmark_and_stays_as_it_is(layout, essex):
    before = {path: path.stat().st_mtime_ns for path in essex.rglob("*")}
    fetch(layout, "essex3in1", essex)
    done = build(layout, "essex3in1")
    assert not done.cached
    assert done.metadata["database_images"] == done.metadata["queries"] == PAIRS
    assert done.metadata["variant"] == "210 pairs of VPR-Bench"
    assert done.metadata["protocol"] == "the exact pair; every query has a positive"
    assert "deviations" not in done.metadata
    data = load_benchmark(layout.benchmark("essex3in1"))
    assert lists(data.positives) == [[row] for row in range(PAIRS)]
    assert (data.database["content"].str.len() == 16).all()
    paths = compose.benchmark_paths(layout, "essex3in1")
    assert paths["queries"][7] == essex / "query" / "0000007.jpg"
    assert {path: path.stat().st_mtime_ns for path in essex.rglob("*")} == before
    assert build(layout, "essex3in1").cached


def test_an_image_that_changes_in_place_makes_another_benchmark(layout, essex):
    fetch(layout, "essex3in1", essex)
    first = build(layout, "essex3in1")
    write_photos(essex, ["query/0000003.jpg"], seed=9)
    second = build(layout, "essex3in1")
    assert not second.cached
    assert second.data_version != first.data_version
    contents = load_benchmark(layout.benchmark("essex3in1")).queries["content"]
    assert (contents != contents[0]).sum() == 1


def test_a_list_that_changes_elsewhere_makes_another_benchmark(layout, essex, tmp_path):
    names = {"dbImages": np.array(numbered("ref", PAIRS)), "qImages": np.array(numbered("query", PAIRS))}
    truth = np.arange(PAIRS)[:, None]
    write_lists(tmp_path / "lists", "ESSEX", endings={**names, "gt": truth})
    fetch(layout, "essex3in1", essex, lists=str(tmp_path / "lists"))
    first = build(layout, "essex3in1")
    assert build(layout, "essex3in1").cached
    write_lists(tmp_path / "lists", "ESSEX", endings={"gt": truth[::-1]})
    second = build(layout, "essex3in1")
    assert second.data_version != first.data_version
    assert lists(load_benchmark(layout.benchmark("essex3in1")).positives)[0] == [PAIRS - 1]


def test_other_counts_than_published_are_refused_and_can_be_admitted(layout, essex):
    (essex / "ref" / "0000209.jpg").unlink()
    (essex / "query" / "0000209.jpg").unlink()
    fetch(layout, "essex3in1", essex)
    with pytest.raises(
        DataError,
        match=r"'essex3in1' is not whole, or not as published: 209 database images, expected 210 "
        r"\(lists of gsv-cities\); 209 queries, expected 210.*209 positives in all.*"
        r"gsv-pipeline benchmark essex3in1 --admit-deviations",
    ):
        build(layout, "essex3in1")
    told = Heard()
    done = build(layout, "essex3in1", admit_deviations=True, tracker=told)
    assert len(done.metadata["deviations"]) == 3
    assert any("is taken although it is not as published" in text for text in told.said)
    assert not build(layout, "essex3in1", force=True).cached  # what a person said once holds


def test_missing_and_broken_images_are_counted_named_and_left_out_only_if_admitted(layout, essex):
    names = {"dbImages": np.array(numbered("ref", PAIRS)), "qImages": np.array(numbered("query", PAIRS))}
    write_lists(essex, "ESSEX", endings={**names, "gt": np.arange(PAIRS)[:, None]})
    (essex / "ref" / "0000005.jpg").unlink()
    (essex / "query" / "0000009.jpg").write_bytes(b"no image")
    fetch(layout, "essex3in1", essex)
    with pytest.raises(
        DataError,
        match=r"2 images are missing or broken: ref/0000005\.jpg \(missing image.*query/0000009\.jpg \(not an",
    ):
        build(layout, "essex3in1")
    done = build(layout, "essex3in1", admit_deviations=True)
    assert (done.metadata["database_images"], done.metadata["queries"]) == (PAIRS - 1, PAIRS - 1)
    assert done.metadata["queries_without_positives"] == 1
    data = load_benchmark(layout.benchmark("essex3in1"))
    pairs = [
        (query, data.database["image_id"].iloc[rows[0]])
        for query, rows in zip(data.queries["image_id"], data.positives, strict=True)
        if len(rows)
    ]
    assert len(pairs) == PAIRS - 2
    assert all(query[-11:] == image[-11:] for query, image in pairs)


def test_numbers_that_nobody_counted_are_told_and_not_refused(layout, tmp_path):
    for side in ("database", "queries"):
        write_photos(tmp_path / "lucia" / "images" / "test" / side, [utm_name(20 * at, 0) for at in range(4)])
    fetch(layout, "st_lucia", tmp_path / "lucia")
    told = Heard()
    done = build(layout, "st_lucia", tracker=told)
    assert done.metadata["positives_per_query"] == 2.5
    assert [text.partition(":")[0] for text in told.said if "variant" in text] == [
        "Benchmark 'st_lucia' may be another variant"
    ] * 2
    assert any("4 queries, expected about 1,464" in text for text in done.metadata["differences"])


def test_positives_that_point_nowhere_and_queries_without_any_are_refused(layout, tmp_path):
    for side, start in (("database", 0), ("queries", 10_000)):
        write_photos(tmp_path / "far" / "images" / "test" / side, [utm_name(start + 20 * at, 0) for at in range(3)])
    fetch(layout, "st_lucia", tmp_path / "far")
    with pytest.raises(DataError, match="'st_lucia': no query has a positive, so every recall would be 0"):
        build(layout, "st_lucia", admit_deviations=True)


def test_hidden_answers_make_a_benchmark_without_positives(layout, tmp_path):
    names = {"dbImages": np.array(numbered("ref", 4), object), "qImages": np.array(numbered("query", 2), object)}
    write_lists(tmp_path / "msls", "msls_test", endings=names)
    copy_photos(tmp_path / "msls", [*numbered("ref", 4), *numbered("query", 2)])
    fetch(layout, "msls", tmp_path / "msls")
    with pytest.raises(DataError, match=r"4 database images, expected 36,565 \(lists of SALAD\)"):
        build(layout, "msls_challenge")
    done = build(layout, "msls_challenge", admit_deviations=True)
    assert "positives_per_query" not in done.metadata
    assert done.metadata["protocol"] == "answers are hidden: predictions only"
    assert lists(load_benchmark(layout.benchmark("msls_challenge")).positives) == [[], []]


@pytest.mark.parametrize("name", [name for name, row in BENCHMARKS.items() if row.takes == "images"])
def test_absent_images_say_where_to_get_them_their_licence_and_the_commands(layout, name):
    row = DATASETS[BENCHMARKS[name].dataset]
    with pytest.raises(StaleInputError) as refused:
        build(layout, name)
    text = str(refused.value)
    assert row.licence in text
    assert "https://" in text
    assert f"gsv-pipeline fetch {BENCHMARKS[name].dataset}" in text
    assert text.endswith(f"&& gsv-pipeline benchmark {name}")
    assert not layout.root.exists()


def test_the_commands_of_the_refusal_can_be_typed(layout, essex):
    with pytest.raises(StaleInputError) as refused:
        build(layout, "essex3in1")
    assert refused.value.details["run"] == "gsv-pipeline fetch essex3in1 --source folder path=/where/they/are"
    fetch(layout, "essex3in1", essex)
    assert not build(layout, "essex3in1").cached


def test_images_to_test_on_have_no_catalog(layout, essex):
    fetch(layout, "essex3in1", essex)
    with pytest.raises(ConfigError, match="'essex3in1' holds images to test on, which are not tabulated"):
        stages.build_catalog(layout, "essex3in1", tracker=NullTracker())


def test_a_copy_that_moved_is_named(layout, essex):
    fetch(layout, "essex3in1", essex)
    build(layout, "essex3in1")
    essex.rename(essex.with_name("elsewhere"))
    with pytest.raises(DataError, match="is gone"):
        build(layout, "essex3in1")
    fetch(layout, "essex3in1", essex.with_name("elsewhere"))
    again = build(layout, "essex3in1")
    assert again.metadata["queries"] == PAIRS


def test_another_copy_makes_what_was_made_from_the_first_one_stale(layout, essex):
    fetch(layout, "essex3in1", essex)
    build(layout, "essex3in1")
    write_photos(essex, ["query/0000003.jpg"], seed=9)
    fetch(layout, "essex3in1", essex)
    assert "its input dataset/essex3in1 has changed" in str(why_stale(layout, recipes.benchmark(layout, "essex3in1")))


def test_the_manifest_says_which_variant_it_is_in_plain_values(layout, essex):
    fetch(layout, "essex3in1", essex)
    build(layout, "essex3in1")
    manifest = read_manifest(layout.benchmark("essex3in1"))
    assert json.loads(json.dumps(manifest.metadata)) == manifest.metadata
    assert len(manifest.metadata["files"]) == 16


def test_nothing_can_be_validated_on_hidden_answers(layout, tiny_demo):
    from tests.tiny import tiny_experiment

    experiment = tiny_experiment(Layout(tiny_demo), "training.validation=[msls_challenge]")
    with pytest.raises(ConfigError, match="validates on 'msls_challenge', whose answers are hidden"):
        compose.check_validation(Layout(tiny_demo), experiment, "msls_challenge")
