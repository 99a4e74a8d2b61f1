"""What an exported model's card says: recalls that hold for these weights, terms, and where everything came from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.artifact_files import ONNX_FILE, RECALL_FILE
from gsv_pipeline.compose.models import input_versions
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json, read_manifest, require, why_stale
from gsv_pipeline.sources.own import dataset_row

if TYPE_CHECKING:
    from gsv_pipeline.models.vpr_model import VPRModel
    from gsv_pipeline.reports.model_card import CardRecall, ModelCard

CARD_FILE: Final = "README.md"


@dataclass(frozen=True, slots=True)
class ReportOnDisk:
    """A recall report that holds for the checkpoint on disk.

    Args:
        benchmark: Of which benchmark.
        folder: Where it lies.
        version: Its data version.
    """

    benchmark: str
    folder: Path
    version: str


def reports_of(layout: Layout, experiment: Experiment) -> list[ReportOnDisk]:
    """The experiment's recall reports that are up to date; one of older weights would state a wrong recall."""
    from gsv_pipeline.evaluation.history import finished_reports

    found = []
    for folder, manifest in finished_reports(layout).items():
        benchmark = folder.parent.name
        if folder.name != experiment.name or why_stale(layout, recipes.recall_report(layout, experiment, benchmark)):
            continue
        found.append(ReportOnDisk(benchmark, folder, manifest.data_version))
    return found


def card_facts(
    layout: Layout,
    experiment: Experiment,
    model: "VPRModel",
    *,
    reports: list[ReportOnDisk],
    onnx_difference: float | None,
) -> "ModelCard":
    """Everything that the card of `model` states."""
    from gsv_pipeline.reports.model_card import ModelCard

    image, parts = experiment.described_image, experiment.model
    return ModelCard(
        name=experiment.name,
        description=experiment.description,
        backbone=parts.backbone.name,
        aggregator=parts.aggregator.name,
        descriptor_size=model.out_dim,
        parameters=sum(weight.numel() for weight in model.parameters()),
        height=image.height,
        width=image.width,
        interpolation=image.interpolation,
        recalls=[_recall(report) for report in reports],
        terms=_terms(layout, experiment),
        origin=_origin(layout, experiment),
        onnx_file=ONNX_FILE if onnx_difference is not None else "",
        onnx_difference=onnx_difference,
    )


def _recall(report: ReportOnDisk) -> "CardRecall":
    from gsv_pipeline.evaluation.score import load_score
    from gsv_pipeline.reports.model_card import CardRecall

    score, facts = load_score(report.folder), read_json(report.folder / RECALL_FILE)
    return CardRecall(
        benchmark=report.benchmark,
        recall_at=dict(score.recall_at),
        interval_at=dict(score.interval_at),
        queries=int(facts["queries"]),
        database=int(facts["database_images"]),
    )


def _terms(layout: Layout, experiment: Experiment) -> dict[str, str]:
    terms = {"Start of the backbone": _backbone_licence(experiment)}
    if experiment.training is not None:
        terms[f"Training images ({experiment.dataset})"] = dataset_row(layout, experiment.dataset).licence
    else:
        terms["Weights"] = "imported from a file; its terms are its author's"
    return terms


def _backbone_licence(experiment: Experiment) -> str:
    from gsv_pipeline.models.backbones.published import NONE, published_weights

    backbone = experiment.model.backbone
    weights = str(backbone.arguments.get("weights", "imagenet"))
    if weights == NONE:
        return "random numbers, no terms"
    known = published_weights(backbone.name).get(weights)
    return f"{weights} weights of {backbone.name}, {known.licence}" if known else "a file of your own"


def _origin(layout: Layout, experiment: Experiment) -> dict[str, Any]:
    recipe = recipes.checkpoint(layout, experiment)
    require(layout, recipe)
    manifest = read_manifest(recipe.path)
    assert manifest is not None  # `require` has just read it
    versions = input_versions(layout, recipe)
    made = manifest.provenance
    return {
        "checkpoint": f"`{manifest.data_version[:16]}`, made {manifest.created}",
        "seed": experiment.seed,
        **{name: f"`{version[:16]}`" for name, version in versions.items()},
        "code": f"gsv-pipeline {made.get('gsv_pipeline', '')} {made.get('git', '')}".strip(),
        "torch": made.get("packages", {}).get("torch", "not recorded"),
    }
