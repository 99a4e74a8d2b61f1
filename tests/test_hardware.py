"""Device and precision: the best that is there, or what was asked for."""

import pytest
import torch

from gsv_pipeline import hardware
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.hardware import choose_device, choose_precision, device_words


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_used_where_one_answers(monkeypatch, gpu, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert choose_device() == device


@pytest.mark.parametrize(
    ("asked", "gpu", "device"),
    [("auto", True, "cuda"), ("", False, "cpu"), ("cpu", True, "cpu"), (" CPU ", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_environment_may_ask_for_a_device(monkeypatch, asked, gpu, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setenv("GSV_DEVICE", asked)
    assert choose_device() == device


@pytest.mark.parametrize("gpu", [True, False])
def test_a_device_that_nobody_knows_is_refused_whether_a_gpu_answers_or_not(monkeypatch, gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setenv("GSV_DEVICE", "gpu")
    with pytest.raises(ConfigError, match="GSV_DEVICE is 'gpu', expected auto, cpu or cuda. Change it, or unset it"):
        choose_device()


def test_a_gpu_that_is_asked_for_and_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("GSV_DEVICE", "cuda")
    with pytest.raises(ConfigError, match="GSV_DEVICE is cuda, but no GPU answers .* set GSV_DEVICE to auto or cpu"):
        choose_device()


def test_where_a_training_runs_is_said_in_words(monkeypatch):
    monkeypatch.setattr("gsv_pipeline.images.workers.processors", lambda: 2)
    assert device_words("cpu", "bf16-mixed") == "No GPU answers: training on 2 processors in bfloat16"
    monkeypatch.setenv("GSV_DEVICE", "cpu")
    told = device_words("cpu", "32-true", processes=4)
    assert told == "GSV_DEVICE is cpu: training on 2 processors in float32, 4 processes together"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    monkeypatch.setattr("gsv_pipeline.images.workers.processors", lambda: 1)
    assert device_words("cuda", "16-mixed") == "Training on NVIDIA H100 in float16, beside 1 processor"


@pytest.mark.parametrize("asked", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_asked_for_is_what_is_used(asked, device):
    assert choose_precision(asked, device) == asked


def test_fp16_needs_a_gpu():
    assert choose_precision("16-mixed", "cuda") == "16-mixed"
    with pytest.raises(ConfigError, match="16-mixed, but there is no GPU. Use auto, 32-true or bf16-mixed"):
        choose_precision("16-mixed", "cpu")


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_a_gpu_without_bf16_runs_in_fp16_rather_than_emulate(monkeypatch, native, precision):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: True if including_emulation else native
    )
    assert choose_precision("auto", "cuda") == precision


@pytest.mark.parametrize(
    ("capability", "bf16", "amx", "precision"),
    [
        ("AVX512", True, False, "bf16-mixed"),
        ("AVX512", False, True, "bf16-mixed"),
        ("AVX512", False, False, "32-true"),
        ("AVX2", True, True, "32-true"),
    ],
)
def test_a_cpu_runs_in_bf16_only_where_it_has_the_instructions(monkeypatch, capability, bf16, amx, precision):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert choose_precision(hardware.AUTO, "cpu") == precision


def test_a_torch_that_cannot_tell_runs_in_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert choose_precision("auto", "cpu") == "32-true"


def test_training_on_a_cpu_leaves_a_core_to_others_and_gives_it_back(monkeypatch):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        with hardware.spare_core("cpu"):
            assert torch.get_num_threads() == 2
        with hardware.spare_core("cuda"):
            assert torch.get_num_threads() == 3
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        with hardware.spare_core("cpu"):
            assert torch.get_num_threads() == 3
        monkeypatch.delenv("OMP_NUM_THREADS")
        torch.set_num_threads(1)
        with hardware.spare_core("cpu"):
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
