"""A model as an ONNX file, checked by ONNX Runtime against the model itself. ONNX is imported here alone."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from gsv_pipeline.errors import ConfigError, RunError

INPUT: Final = "images"
OUTPUT: Final = "descriptors"
TOLERANCE: Final = 1e-4
"""Largest difference of a component of a unit descriptor: float32 sums in another order differ by about 1e-7."""
CHECKED_BATCHES: Final = (1, 3)
"""The graph is traced with two images; batches of other sizes show that nothing of it was taken for a constant."""
WHOLE_FILE_BYTES: Final = 1_900_000_000
"""An ONNX file is one message of at most 2 GiB; weights of larger models lie beside it."""


def write_onnx(model: nn.Module, path: Path, *, height: int, width: int) -> float:
    """Write `model` with a free batch dimension and compare what ONNX Runtime computes with what torch does.

    Args:
        model: `[B, 3, height, width] -> [B, D]`, on the CPU; its mode is kept.
        path: File to write.
        height: Pixels.
        width: Pixels.

    Returns:
        The largest difference between the two in any component of a descriptor.

    Raises:
        ConfigError: onnx or onnxruntime is not installed.
        RunError: The model cannot be expressed in ONNX, or the two do not agree.
    """
    _require_packages()
    was_training = model.training
    model.eval()
    try:
        _write(model, path, height=height, width=width)
        return _difference(model, path, height=height, width=width)
    finally:
        model.train(was_training)


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"ONNX needs a package that is not installed ({error.name}). Run: pip install 'gsv-pipeline[export]', "
            "or export without it: --no-onnx."
        ) from error


def _write(model: nn.Module, path: Path, *, height: int, width: int) -> None:
    size = sum(weight.numel() * weight.element_size() for weight in model.state_dict().values())
    try:
        with _quiet():
            torch.onnx.export(
                model,
                (_images(2, height=height, width=width),),
                path,
                dynamo=True,
                external_data=size > WHOLE_FILE_BYTES,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise RunError(
            f"The model cannot be written as ONNX ({type(error.__cause__ or error).__name__}: {reason}). "
            "Export without it: --no-onnx."
        ) from error


def _difference(model: nn.Module, path: Path, *, height: int, width: int) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in CHECKED_BATCHES:
        images = _images(batch, height=height, width=width)
        with torch.inference_mode():
            wanted = model(images)
        (found,) = session.run([OUTPUT], {INPUT: images.numpy()})
        worst = max(worst, float((torch.from_numpy(found) - wanted).abs().max()))
    if not worst <= TOLERANCE:  # a NaN is refused as well
        raise RunError(
            f"ONNX Runtime's descriptors differ from torch's by {worst:.3g}, expected at most {TOLERANCE}. "
            "Nothing was written; export without ONNX: --no-onnx."
        )
    return worst


def _images(batch: int, *, height: int, width: int) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(batch))


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks about itself are not for whoever exports."""
    logger = logging.getLogger("torch.onnx")
    rewriter = logging.getLogger("onnxscript")
    before = logger.level, rewriter.level
    logger.setLevel(logging.ERROR)
    rewriter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before[0])
        rewriter.setLevel(before[1])
