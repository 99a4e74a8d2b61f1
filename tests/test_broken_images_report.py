"""A broken image that the user let pass: the report is written, says so, and shows no hole."""

import json

from gsv_pipeline import compose, stages
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment


def test_a_report_over_a_broken_query_says_so_and_counts_it_as_a_miss(chain_layout: Layout) -> None:
    experiment, tracker = tiny_experiment(chain_layout), NullTracker()
    path = compose.benchmark_paths(chain_layout, "demo_test")["queries"][0]
    path.write_bytes(path.read_bytes()[:-200])
    options = ExtractionOptions(skip_broken=True)
    stages.embed(chain_layout, experiment, "demo_test", tracker=tracker, options=options, force=True)
    stages.build_index(chain_layout, experiment, "demo_test", tracker=tracker)
    result = stages.evaluate(chain_layout, experiment, "demo_test", tracker=tracker, force=True)
    recall = json.loads((result.artifact / "recall.json").read_text())
    assert recall["broken_images"] == {"queries": 1}
    assert recall["recall_at"]["25"] <= 7 / 8
    page = (result.artifact / "report.html").read_text()
    assert "Broken images were let pass (--skip-broken): 1 of the queries." in page
    assert page.count(path.name) == 1  # named among the skipped, and in no gallery
    assert f"{path.name}.**" in (result.artifact / "report.md").read_text()
