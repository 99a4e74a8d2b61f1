"""What is described and scored names its W&B run, in the UI and in the lineage, where one was logged."""

import dagster as dg
import pytest

from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import INDEX_ASSETS
from assets.recall_report import REPORT_ASSETS
from assets.results import RECOMPUTE_TAG
from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import trace, walk
from gsv_pipeline.manifest import read_manifest
from tests.orchestration.conftest import resources

CHAIN = [EMBEDDINGS_ASSETS["demo_test"], INDEX_ASSETS["demo_test"], REPORT_ASSETS["demo_test"]]


def noted(layout: Layout) -> dict[str, str]:
    """Kind of asset -> the W&B run in the metadata of what was made again."""
    result = dg.materialize(CHAIN, partition_key="demo", resources=resources(layout.root), tags={RECOMPUTE_TAG: "true"})
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    assert len(made) == len(CHAIN)
    return {
        item.asset_key.path[0]: str(item.metadata["wandb_run"].value) for item in made if "wandb_run" in item.metadata
    }


def test_embeddings_and_reports_name_the_run_that_they_were_logged_to(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")

    runs = noted(chain_layout)

    links = {link.stage: link for link in walk(trace(chain_layout, chain_layout.recall_report("demo_test", "demo")))}
    files = {path.stem.removeprefix("run-") for path in chain_layout.wandb().glob("wandb/*/*.wandb")}
    assert set(runs) == {"embeddings", "recall_report"}
    assert runs["embeddings"].startswith("embed-")
    assert runs["recall_report"].startswith("benchmark-")
    assert files == set(runs.values())
    assert {stage: links[stage].wandb_runs for stage in runs} == {stage: (run,) for stage, run in runs.items()}


def test_where_nothing_is_logged_no_run_is_named(chain_layout: Layout) -> None:
    assert noted(chain_layout) == {}
    links = walk(trace(chain_layout, chain_layout.recall_report("demo_test", "demo")))
    assert {link.wandb_runs for link in links} == {()}
    trained = read_manifest(chain_layout.checkpoint("demo"))
    assert trained is not None
    assert "wandb_run" not in trained.metadata
