"""A report says of each step behind its numbers what made it, and not of all what made the last one."""

import json
from pathlib import Path
from typing import Any

from gsv_pipeline import provenance, stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.reports.surroundings import surroundings_of
from gsv_pipeline.tracking import NullTracker
from tests.tiny import tiny_experiment

NOW: dict[str, Any] = {
    "gsv_pipeline": "0.1.0",
    "git": "aaaaaaaaaaaa",
    "packages": {"torch": "2.15.0", "numpy": "2.4.0", "simplejpeg": "1.9.0"},
    "python": "3.11.7",
    "platform": "Linux",
    "cpus": 2,
    "device": "a processor",
    "dagster_run": "run-of-the-report",
}
ELSEWHERE: dict[str, Any] = {
    "gsv_pipeline": "0.0.9",
    "git": "bbbbbbbbbbbb+changes",
    "packages": {"torch": "2.14.1", "numpy": "2.4.0"},
    "python": "3.12.1",
    "device": "NVIDIA H100",
    "dagster_run": "run-of-training",
}


def rewrite(artifact: Path, **values: Any) -> None:
    path = artifact / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_weights_from_another_machine_are_told_from_descriptors_and_report(chain_layout: Layout) -> None:
    rewrite(chain_layout.checkpoint("demo"), provenance=ELSEWHERE, metadata={"wandb_run": "train-1"})
    rewrite(chain_layout.embeddings("demo_test", "demo"), provenance={**NOW, "dagster_run": ""})
    found = surroundings_of(chain_layout, "demo_test", "demo", now=NOW)
    assert list(found) == [
        "Weights made by", "Descriptors made by", "Report made by", "Packages", "Other packages of weights",
    ]  # fmt: skip
    assert found["Weights made by"].startswith(
        "gsv-pipeline 0.0.9, commit bbbbbbbbbbbb, with changes that no commit holds; NVIDIA H100; Python 3.12.1; "
        "Dagster run run-of-training; W&B run train-1; 20"
    )
    descriptors, report = found["Descriptors made by"], found["Report made by"]
    assert report == (
        "gsv-pipeline 0.1.0, commit aaaaaaaaaaaa; a processor; Python 3.11.7; Linux; 2 processors; "
        "Dagster run run-of-the-report"
    )
    assert descriptors.startswith(report.rpartition(";")[0])
    assert "run" not in descriptors
    assert found["Packages"] == "torch 2.15.0, numpy 2.4.0, simplejpeg 1.9.0"
    assert found["Other packages of weights"] == "torch 2.14.1"  # simplejpeg was not noted then


def test_what_an_older_release_did_not_note_is_said_to_be_unknown(chain_layout: Layout) -> None:
    rewrite(chain_layout.checkpoint("demo"), provenance={})
    found = surroundings_of(chain_layout, "demo_test", "demo", now=NOW)
    assert found["Weights made by"].startswith("a release that was not noted; a device that was not noted; 20")
    assert found["Packages of weights"] == "not noted"


def test_page_and_markdown_of_a_report_hold_the_steps(chain_layout: Layout) -> None:
    experiment = tiny_experiment(chain_layout)
    made = read_manifest(chain_layout.checkpoint("demo"))
    assert made is not None
    rewrite(
        chain_layout.checkpoint("demo"),
        provenance={**made.provenance, **ELSEWHERE},
        metadata={**made.metadata, "wandb_run": "train-1"},
    )
    stages.evaluate(chain_layout, experiment, "demo_test", force=True, tracker=NullTracker())
    report = chain_layout.recall_report("demo_test", "demo")
    for name in ("report.html", "report.md"):
        text = (report / name).read_text(encoding="utf-8")
        for words in ("bbbbbbbbbbbb, with changes that no commit holds", "NVIDIA H100", "run-of-training", "train-1"):
            assert words in text
        assert provenance.device().split("(")[0] in text
