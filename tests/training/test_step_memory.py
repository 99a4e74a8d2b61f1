"""Out of memory in a step: smaller pieces, the same batch, and an end that says what to lower."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gsv_pipeline.errors import TrainingError
from gsv_pipeline.hardware import is_out_of_memory
from gsv_pipeline.training.step import TrainingStep
from tests.trackers import Heard
from tests.training.small_steps import convap, cpu, images_of, step_of

GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has a total capacity of 8 GiB")
CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"
)


def limit(model: nn.Module, *, images: int, error: BaseException, in_backward: bool = False) -> None:
    """Fail with `error` in every pass over more than so many images, deep inside, after batch norm has counted."""

    def in_forward_hook(module: nn.Module, given: Any, found: torch.Tensor) -> None:
        if len(found) > images and not in_backward:
            raise error
        if len(found) > images and found.requires_grad:
            found.register_hook(lambda gradient: (_ for _ in ()).throw(error))

    model.backbone.register_forward_hook(in_forward_hook)  # type: ignore[operator,union-attr]


@pytest.mark.parametrize("error", [GPU, CPU, MemoryError()], ids=["device", "host", "python"])
@pytest.mark.parametrize("in_backward", [False, True])
def test_the_batch_goes_on_in_halves_as_if_begun_with_them(error: BaseException, in_backward: bool) -> None:
    batch, images = images_of(6)  # 18 images: 18, 9, 4
    small, roomy = convap().train(), convap().train()
    limit(small, images=4, error=error, in_backward=in_backward)
    told = Heard()
    halving, begun_small = step_of(cpu(), small, tracker=told), step_of(cpu(), roomy, micro_batch=4)
    found = [halving(batch, images, epoch=0, step=number) for number in range(2)]
    wanted = [begun_small(batch, images, epoch=0, step=number) for number in range(2)]
    assert halving.micro_batch == 4
    assert told.said == [
        f"Out of memory in step 1. The same batch goes on in smaller pieces: training.micro_batch={size}"
        for size in (9, 4)
    ]
    assert torch.equal(torch.stack(found), torch.stack(wanted))
    for (name, value), other in zip(small.state_dict().items(), roomy.state_dict().values(), strict=True):
        assert torch.equal(value, other), name


def test_a_micro_batch_above_the_batch_is_halved_from_the_batch() -> None:
    batch, images = images_of(2)
    model = convap().train()
    limit(model, images=3, error=GPU)
    step = step_of(cpu(), model, micro_batch=4000)
    step(batch, images, epoch=0, step=0)
    assert step.micro_batch == 3


def test_with_a_single_image_left_it_ends_and_says_what_to_lower() -> None:
    batch, images = images_of(2)
    model = convap().train()
    limit(model, images=0, error=GPU)
    step, before = step_of(cpu(), model), copy.deepcopy(model.state_dict())
    with pytest.raises(TrainingError, match=r"a single image at once \(CUDA out of memory.*Lower image\.height"):
        step(batch, images, epoch=0, step=0)
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_other_errors_pass_through() -> None:
    batch, images = images_of(2)
    model = convap().train()
    limit(model, images=0, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    step = step_of(cpu(), model)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        step(batch, images, epoch=0, step=0)
    assert step.micro_batch is None


def test_an_update_that_runs_out_of_memory_is_not_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, images = images_of(2)
    step = step_of(cpu(), convap().train())

    def fail(*given: Any, **named: Any) -> None:
        raise GPU

    monkeypatch.setattr(step._update._inner, "step", fail)
    with pytest.raises(TrainingError, match=r"while the weights were updated .* choose a smaller model\.backbone"):
        step(batch, images, epoch=0, step=0)


def test_one_of_several_processes_does_not_retry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    step: TrainingStep = step_of(cpu(), convap())
    monkeypatch.setattr(type(step._fabric), "world_size", property(lambda fabric: 2))
    with pytest.raises(TrainingError, match=r"process 0 of 2 with 18 images.* Set training\.micro_batch to 9 or less"):
        step._halved(18, error=GPU)


def test_what_torch_really_says_on_this_machine_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(found.value)
    assert not is_out_of_memory(ValueError("out of memory"))
