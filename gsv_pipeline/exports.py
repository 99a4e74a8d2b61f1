"""An experiment's model for use elsewhere: weights, config, ONNX and a card. Not an asset: nothing depends on it."""

import shutil
from pathlib import Path

from gsv_pipeline import compose, recipes
from gsv_pipeline.artifact_files import ONNX_FILE
from gsv_pipeline.config import Experiment
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import Output, StageResult, produce
from gsv_pipeline.tracking import Tracker


def export_model(
    layout: Layout,
    experiment: Experiment,
    *,
    tracker: Tracker,
    with_onnx: bool = True,
    output: Path | None = None,
    force: bool = False,
) -> StageResult:
    """Write `model.safetensors`, `config.json`, `model.onnx` and `README.md`, the model card.

    Args:
        layout: Where things live.
        experiment: Whose checkpoint.
        tracker: Told about everything.
        with_onnx: ONNX as well, checked against torch by ONNX Runtime.
        output: An empty or new folder to copy the files to, beside the artifact.
        force: Write again although nothing changed.

    Raises:
        ConfigError: ONNX is asked for and not installed, or the experiment names a callable.
        DataError: `output` holds something already.
        RunError: The model cannot be expressed in ONNX, or ONNX Runtime disagrees with torch.
        StaleInputError: There is no checkpoint, or it is out of date.
    """
    if output is not None:
        _check_empty(output)
    reports = compose.reports_of(layout, experiment)
    versions = {layout.key(report.folder): report.version for report in reports}
    recipe = recipes.exported_model(layout, experiment, with_onnx=with_onnx, reports=versions)

    def write(target: Path) -> Output:
        from gsv_pipeline.models.exported import save_exported
        from gsv_pipeline.models.onnx_file import write_onnx
        from gsv_pipeline.models.vpr_model import VPRModel
        from gsv_pipeline.reports.model_card import write_model_card

        image = experiment.described_image
        model = compose.load_model(layout, experiment).to("cpu")
        if not isinstance(model, VPRModel):
            raise ConfigError(f"'{experiment.name}' names a callable, whose weights are not ours to export.")
        save_exported(
            target,
            model,
            architecture=compose.model_arguments(experiment),
            image=image.model_dump(mode="json"),
        )
        difference = None
        if with_onnx:
            tracker.message("Writing ONNX and comparing it with torch")
            difference = write_onnx(model, target / ONNX_FILE, height=image.height, width=image.width)
        card = compose.card_facts(layout, experiment, model, reports=reports, onnx_difference=difference)
        write_model_card(target / compose.CARD_FILE, card)
        return Output({"descriptor_size": card.descriptor_size, "parameters": card.parameters, "onnx": with_onnx})

    result = produce(layout, recipe, write, tracker=tracker, force=force)
    return result if output is None else _copied(result, output)


def _check_empty(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DataError(f"{output} exists already. Expected a new or an empty folder: choose another --output.")


def _copied(result: StageResult, output: Path) -> StageResult:
    try:
        shutil.copytree(result.artifact, output, dirs_exist_ok=True)
    except OSError as error:
        raise DataError(f"{output} cannot be written ({error}). Choose another one with --output.") from error
    return StageResult(output, result.metadata, result.data_version, cached=False)
