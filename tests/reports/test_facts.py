"""What a report says of how descriptors were made and searched, and of images that were skipped."""

from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.layout import Layout
from gsv_pipeline.reports.facts import chose_checkpoint, deviation_words, named, retrieval_facts, variant_of
from gsv_pipeline.reports.latency import search_ms, search_words
from tests.tiny import tiny_experiment


@pytest.mark.parametrize(
    ("precision", "words"),
    [("32-true", "float32"), ("bf16-mixed", "bfloat16 (mixed precision)"), ("64-true", "64-true")],
)
def test_the_numbers_a_model_computed_in_are_called_by_their_names(precision: str, words: str) -> None:
    stored = {"descriptor_size": 4096, "precision": precision, "database_images": 10_000}
    assert retrieval_facts(stored, depth=25) == {
        "Descriptors": f"4,096 numbers, computed in {words}",
        "Neighbours kept": "25 of each query, by exact search",
    }


def test_a_database_smaller_than_k_is_said_and_a_report_of_before_says_what_it_knows() -> None:
    few = retrieval_facts({"descriptor_size": 32, "database_images": 18}, depth=18)
    assert few["Descriptors"] == "32 numbers"
    assert few["Neighbours kept"].startswith("all 18 of the database")
    assert "R@18" in few["Neighbours kept"]
    assert set(retrieval_facts({}, depth=25)) == {"Neighbours kept"}


def test_skipped_images_are_named_and_many_are_counted() -> None:
    broken = {"queries": [{"image": "q.jpg"}], "database": [{"image": f"{row}.jpg"} for row in range(2)]}
    assert named(broken) == "Skipped: 0.jpg, 1.jpg, q.jpg."
    assert named({}) == ""
    many = named({"database": [{"image": f"{row:03d}.jpg"} for row in range(1020)]})
    assert many.endswith("019.jpg and 1,000 more.")


def test_the_variant_says_which_benchmark_it_is_and_how_a_hit_is_counted() -> None:
    row = BENCHMARKS["demo_test"]
    assert variant_of(row) == row.protocol.words
    assert variant_of(replace(row, variant="of version 2")) == f"of version 2: {row.protocol.words}"
    other = variant_of(row, ["3 queries, expected 4 (its paper)", "1 images are missing"])
    assert other == f"{row.protocol.words}. NOT AS PUBLISHED: 3 queries, expected 4 (its paper); 1 images are missing"
    assert deviation_words([]) == ""
    assert "(--admit-deviations): 3 queries, expected 4." in deviation_words(["3 queries, expected 4"])


def test_the_search_of_one_query_is_timed(tiny_chain) -> None:
    layout = Layout(tiny_chain)
    name = tiny_experiment(layout).name
    folder, queries = layout.faiss_index("demo_test", name), layout.embeddings("demo_test", name) / "queries.npy"
    assert 0 < search_ms(folder, queries) < 1000
    assert search_words(folder, queries, images=24)["Searching for it"].endswith("among 24 images on the processor")


def test_a_recall_that_chose_the_checkpoint_is_not_taken_for_a_test_result(tiny_chain: Path) -> None:
    layout = Layout(tiny_chain)
    assert chose_checkpoint(layout, "demo", "demo_val")
    assert not chose_checkpoint(layout, "demo", "demo_test")
    pages = {name: layout.recall_report(name, "demo") / "report.html" for name in ("demo_val", "demo_test")}
    told = {
        name: "recall on this very benchmark chose the checkpoint" in page.read_text() for name, page in pages.items()
    }
    assert told == {"demo_val": True, "demo_test": False}
    leaderboard = (layout.leaderboard() / "index.html").read_text()
    assert leaderboard.count("no test result: chose its checkpoint here") == 1
