"""What must hold of the artifacts on disk, asked again from their files: the table of questions.

The answers are given in `data.py` (what is fetched, tabulated and selected), `model.py` (what is trained and
described) and `results.py` (what is scored and compared): one function per kind of artifact, a verdict per question.
It takes the layout, then the experiment, then the data set or benchmark, as far as the artifact has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that must hold.

    Args:
        meaning: What is asked, in one sentence.
        blocking: Nothing is made from an artifact that fails; else a failure is a warning.
    """

    meaning: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a question.

    Args:
        passed: Whether it holds.
        message: What was found, in one sentence.
        facts: Numbers behind it, JSON values only.
    """

    passed: bool
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """What is asked of one kind of artifact.

    Args:
        answer: `"module:function"`; it returns a verdict for every question.
        questions: By name.
    """

    answer: str
    questions: Mapping[str, Question]


AUDITS: Final[Mapping[str, Audit]] = {
    "dataset": Audit(
        "gsv_pipeline.audits.data:audit_dataset",
        {
            "expected_cities": Question("Every city of the data set is there."),
            "csv_has_folder": Question("Every CSV has its folder of images (a lost CSV is rebuilt from image names)."),
        },
    ),
    "catalog": Audit(
        "gsv_pipeline.audits.data:audit_catalog",
        {
            "schema": Question("Columns have the names and types of the schema."),
            "quarantine": Question("No more images are in quarantine than the data set's limit admits."),
            "unchanged": Question("Images and CSVs are those that the catalog was made of."),
            "ranges": Question("Coordinates and dates are possible ones, and no place holds a panorama twice."),
            "duplicates": Question("No panorama is in two places, and no image in two files.", blocking=False),
            "place_separation": Question("Places are at least 100 m apart, as published.", blocking=False),
            "as_published": Question("Cities and counts are about those that were published.", blocking=False),
        },
    ),
    "places": Audit(
        "gsv_pipeline.audits.data:audit_places",
        {
            "images_per_place": Question("Every place has at least as many images as the experiment asks for."),
            "labels": Question("Labels are dense and follow from the sorted place keys, so they are stable."),
        },
    ),
    "checkpoint": Audit(
        "gsv_pipeline.audits.model:audit_checkpoint",
        {
            "finite_loss": Question("The loss was finite at every step."),
            "weights_reload": Question("The weights load strictly into the experiment's model and are finite."),
            "beats_untrained": Question("Validation recall is above the untrained model's.", blocking=False),
        },
    ),
    "benchmark": Audit(
        "gsv_pipeline.audits.data:audit_benchmark",
        {
            "indices": Question("Every query has its list of positives, and all of them are rows of the database."),
            "files_readable": Question("Every image of both sides is a whole image file."),
            "counts": Question("Both sides have as many rows as was stated, and share no image."),
            "as_published": Question("It holds as many images and positives as were published.", blocking=False),
        },
    ),
    "embeddings": Audit(
        "gsv_pipeline.audits.model:audit_embeddings",
        {
            "finite": Question("Every value is finite."),
            "unit_norm": Question("Every descriptor has length 1."),
            "row_count": Question("There is one descriptor per image."),
            "every_image": Question("Every image could be read; others are left out and counted.", blocking=False),
        },
    ),
    "faiss_index": Audit(
        "gsv_pipeline.audits.model:audit_index",
        {
            "size": Question("The index holds every database descriptor."),
            "self_query": Question("A descriptor that is in the index finds itself with a score of 1, within 1e-4."),
        },
    ),
    "recall_report": Audit(
        "gsv_pipeline.audits.results:audit_recall_report",
        {
            "in_range": Question("Recalls and interval bounds lie in [0, 1]."),
            "non_decreasing": Question("Recall does not fall when more images are retrieved."),
            "not_worse": Question("R@1 is not clearly below the last accepted one (gsv-pipeline accept)."),
        },
    ),
    "leaderboard": Audit(
        "gsv_pipeline.audits.results:audit_leaderboard",
        {
            "every_report": Question("Every recall report on disk has its row."),
        },
    ),
}
