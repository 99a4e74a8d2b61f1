"""`gsv-pipeline` with batch norm in eval mode while training: no descriptor depends on the rest of its piece."""

from torch import nn

from gsv_pipeline.cli import main
from gsv_pipeline.models.vpr_model import VPRModel


def stay_in_eval_mode(self: VPRModel, mode: bool = True) -> VPRModel:
    return nn.Module.train(self, False)


if __name__ == "__main__":
    VPRModel.train = stay_in_eval_mode  # type: ignore[method-assign]
    main()
