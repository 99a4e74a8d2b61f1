"""What a recall report shows beside artifacts: what the model costs, and where it looks."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline.artifact_files import PREDICTIONS_FILE, RECALL_FILE
from gsv_pipeline.compose.extraction import benchmark_paths, image_reader
from gsv_pipeline.compose.models import load_model
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_json, read_manifest, write_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

    from gsv_pipeline.reports.recall_report import Shown

    Look = Callable[[Sequence[Path]], list[npt.NDArray[np.float32]]]

_TIMED: Final = 5
"""Single images that are described to see how long one takes; their median counts."""
_LOOKED_AT_ONCE: Final = 4


def cost_of(
    layout: Layout, experiment: Experiment, benchmark: str, model: "nn.Module", *, queries: "Sequence[Path]"
) -> dict[str, Any]:
    """Numbers of what describing costs: counted (parameters, gflops) and measured (images_per_s, query_ms, device)."""
    from gsv_pipeline.models.cost import model_cost
    from gsv_pipeline.models.vpr_model import VPRModel

    image = experiment.described_image
    counted = {}
    if isinstance(model, VPRModel):
        cost = model_cost(model, height=image.height, width=image.width)
        counted = {"parameters": cost.parameters, "gflops": round(cost.gflops, 3)}
    described = read_manifest(layout.embeddings(benchmark, experiment.name))
    measured = {"images_per_s": described.metadata.get("images_per_s")} if described else {}
    return {
        **counted,
        **{name: value for name, value in measured.items() if value},
        "query_ms": round(_one_query_ms(queries, experiment, model), 1),
        "device": str(next(model.parameters()).device),
    }


def cost_in_words(cost: Mapping[str, Any], *, experiment: Experiment, descriptor_size: int) -> dict[str, str]:
    """What -> value, as the report says it."""
    image = experiment.described_image
    words = {
        "Parameters": f"{cost['parameters'] / 1e6:.1f} million" if "parameters" in cost else "",
        "Arithmetic": f"{cost['gflops']:.1f} GFLOP for an image of {image.height} × {image.width} px (height × width)"
        if "gflops" in cost
        else "",
        "Descriptor": f"{descriptor_size:,} × float32, {4 * descriptor_size / 1000:.1f} kB an image",
        "Describing": f"{cost['images_per_s']:,.0f} images/s in batches" if cost.get("images_per_s") else "",
        "A single query": f"{cost['query_ms']:.0f} ms to read and describe, one at a time on {cost['device']}",
    }
    return {name: value for name, value in words.items() if value}


def looker(experiment: Experiment, model: "nn.Module") -> "Look | None":
    """A function from image files to where the model looks in them; None for a model that is not ours."""
    from gsv_pipeline.models.saliency import cell_importance
    from gsv_pipeline.models.vpr_model import VPRModel

    if not isinstance(model, VPRModel):
        return None

    def look(paths: "Sequence[Path]") -> "list[npt.NDArray[np.float32]]":
        maps: list[npt.NDArray[np.float32]] = []
        for start in range(0, len(paths), _LOOKED_AT_ONCE):
            pixels = _pixels(paths[start : start + _LOOKED_AT_ONCE], experiment, model)
            maps += list(cell_importance(model, pixels).float().cpu().numpy())
        return maps

    return look


def what_to_show(layout: Layout, experiment: Experiment, benchmark: str, *, target: Path, with_images: bool) -> "Shown":
    """Costs, which go into `target` for the leaderboard too, where the model looks, and what was skipped."""
    import numpy as np

    from gsv_pipeline.reports.collect import COST_FILE
    from gsv_pipeline.reports.facts import skipped_words
    from gsv_pipeline.reports.recall_report import Shown

    model = load_model(layout, experiment)
    facts = read_json(target / RECALL_FILE)
    paths = benchmark_paths(layout, benchmark, experiment)["queries"]
    asked = np.load(target / PREDICTIONS_FILE, allow_pickle=False)[:, 0] >= 0  # a broken image finds nothing
    readable = [path for path, was_asked in zip(paths, asked, strict=True) if was_asked]
    cost = cost_of(layout, experiment, benchmark, model, queries=readable)
    write_json(target / COST_FILE, cost)
    return Shown(
        with_images=with_images,
        look=looker(experiment, model),
        costs=cost_in_words(cost, experiment=experiment, descriptor_size=int(facts["descriptor_size"])),
        skipped=skipped_words(facts),
    )


def _one_query_ms(queries: "Sequence[Path]", experiment: Experiment, model: "nn.Module") -> float:
    import torch

    seconds = []
    with torch.inference_mode():
        for path in [queries[0], *queries[:_TIMED]]:  # the first is for warming up
            started = time.perf_counter()
            model(_pixels([path], experiment, model)).cpu()
            seconds.append(time.perf_counter() - started)
    return 1000 * sorted(seconds[1:])[len(seconds[1:]) // 2]


def _pixels(paths: "Sequence[Path]", experiment: Experiment, model: "nn.Module") -> "Tensor":
    import torch

    from gsv_pipeline.models.normalise import normalise, to_channels_first

    images = image_reader(paths, experiment.described_image).batch(range(len(paths)))
    return normalise(to_channels_first(torch.from_numpy(images).to(next(model.parameters()).device)))
