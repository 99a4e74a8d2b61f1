"""Images per second: the rate of describing alone."""

import time

import pytest

from gsv_pipeline import stages
from gsv_pipeline.compose import embedding
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.work import Extraction
from gsv_pipeline.layout import Layout
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

WAIT_S = 2.0


def described_facts(layout: Layout) -> dict[str, object]:
    return stages.embed(
        layout,
        tiny_experiment(layout),
        "demo_test",
        tracker=NullTracker(),
        options=ExtractionOptions(batch_size=4),
        force=True,
    ).metadata


def test_a_model_that_loads_slowly_does_not_describe_slowly(
    chain_layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = embedding.load_model

    def slow(*arguments: object) -> object:
        time.sleep(WAIT_S)
        return load(*arguments)

    monkeypatch.setattr(embedding, "load_model", slow)

    facts = described_facts(chain_layout)

    images = facts["database"][0] + facts["queries"][0]
    assert facts["images_per_s"] > images / WAIT_S


def test_every_second_of_both_sides_counts(chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    write, waited = Extraction.write, []

    def slow(self: Extraction, *arguments: object) -> None:
        time.sleep(0.1)
        waited.append(0.1)
        write(self, *arguments)

    monkeypatch.setattr(Extraction, "write", slow)

    facts = described_facts(chain_layout)

    images = facts["database"][0] + facts["queries"][0]
    assert len(waited) == -(-facts["database"][0] // 4) + -(-facts["queries"][0] // 4)
    assert 0.2 * images / sum(waited) < facts["images_per_s"] <= images / sum(waited)
