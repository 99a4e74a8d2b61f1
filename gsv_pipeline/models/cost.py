"""What a model costs: parameters, arithmetic and descriptor size. Counted, not measured."""

import copy
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from gsv_pipeline.models.vpr_model import VPRModel


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one descriptor.

    Args:
        parameters: Of backbone and aggregator, trained or frozen.
        gflops: 10⁹ floating-point operations for one image; a multiplication and its addition are two.
        descriptor_size: D; a float32 descriptor takes 4·D bytes.
    """

    parameters: int
    gflops: float
    descriptor_size: int


def model_cost(model: VPRModel, *, height: int, width: int) -> Cost:
    """Count what one image of `height` × `width` costs. Shapes alone are computed, so it takes no time to speak of.

    Args:
        model: Any device; left as it is.
        height: Pixels.
        width: Pixels.
    """
    shapes = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, height, width, device="meta"))
    parameters = sum(weight.numel() for weight in model.parameters())
    return Cost(parameters, counter.get_total_flops() / 1e9, model.out_dim)
