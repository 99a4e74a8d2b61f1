"""torch.compile as an option: it may fail, it may not compile for each size, and it changes no name."""

import copy
import shutil
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsv_pipeline.training.compile import compile_or_warn
from tests.trackers import Heard
from tests.training.small_steps import convap, cpu, gradients_of, images_of, salad, step_of


class Counting:
    """A backend that runs graphs as they are, and counts them."""

    def __init__(self) -> None:
        self.sizes: list[Any] = []

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        self.sizes.append(next(value.shape[0] for value in inputs if isinstance(value, Tensor) and value.ndim == 4))
        return graph.forward


def broken(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
    raise RuntimeError("no compiler\nin this place")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()


def test_a_backend_that_fails_is_told_once_and_training_goes_on_as_it_would_have() -> None:
    batch, images = images_of(4)
    told, model, other = Heard(), convap().train(), convap().train()
    steps = [step_of(cpu(), compile_or_warn(model, told, backend=broken)), step_of(cpu(), other)]
    for number in range(2):
        found, wanted = (step(batch, images, epoch=0, step=number) for step in steps)
        assert torch.equal(found, wanted)
    assert len(told.said) == 1
    assert told.said[0].startswith("torch.compile does not work here (no compiler); training goes on without it")


def test_a_backward_pass_that_cannot_be_compiled_is_noticed_in_the_forward_pass() -> None:
    from torch._dynamo.backends.common import aot_autograd

    backend = aot_autograd(fw_compiler=lambda graph, inputs: graph.forward, bw_compiler=broken)
    batch, images = images_of(2)
    told, model, other = Heard(), convap().train(), convap().train()
    found = step_of(cpu(), compile_or_warn(model, told, backend=backend))(batch, images, epoch=0, step=0)
    assert torch.equal(found, step_of(cpu(), other)(batch, images, epoch=0, step=0))
    assert len(told.said) == 1


def test_sizes_that_change_are_compiled_twice_and_no_more() -> None:
    backend = Counting()
    model = compile_or_warn(convap().train(), Heard(), backend=backend)
    for size in (8, 8, 5, 8, 3, 7, 8, 6):
        model(torch.rand(size, 3, 32, 40)).sum().backward()
    assert len(backend.sizes) == 2


def test_names_copies_and_evaluation_are_those_of_the_model() -> None:
    backend = Counting()
    plain = convap()
    model = compile_or_warn(convap(), Heard(), backend=backend)
    assert list(model.state_dict()) == list(plain.state_dict())
    images = torch.rand(2, 3, 32, 40)
    assert torch.equal(model.eval()(images), plain.eval()(images))
    assert backend.sizes == [], "recalls are stated for the model as it is"
    assert torch.equal(copy.deepcopy(model)(images), plain(images))


def test_errors_of_the_model_itself_are_not_taken_for_the_compilers() -> None:
    told = Heard()
    model = compile_or_warn(nn.Linear(4, 2).train(), told, backend="eager")
    with pytest.raises(RuntimeError, match="shape"):
        model(torch.rand(3, 5))
    assert told.said == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
def test_the_compiled_step_gives_the_gradients_of_the_plain_one_with_dropout_in_pieces() -> None:
    batch, images = images_of(4)
    told, compiled, plain = Heard(), salad().train(), salad().train()
    step_of(cpu(), compile_or_warn(compiled, told), micro_batch=6)(batch, images, epoch=0, step=0)
    step_of(cpu(), plain, micro_batch=6)(batch, images, epoch=0, step=0)
    assert told.said == []
    found, wanted = (
        torch.cat([part.flatten() for part in gradients_of(model).values()]) for model in (compiled, plain)
    )
    assert (found - wanted).norm() <= 1e-4 * wanted.norm()
