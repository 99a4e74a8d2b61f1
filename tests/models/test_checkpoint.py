"""Reading and writing checkpoints: strict, safe, and without a trace when refused."""

import os
import pickle

import pytest
import safetensors.torch
import torch

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.checkpoint import load_checkpoint, read_state_dict, save_checkpoint
from gsv_pipeline.models.vpr_model import build_model

CROPPED = {"backbone": "resnet18", "backbone_args": {"weights": "none", "layers_to_crop": [3, 4]}}


class Payload:
    """What an attacker would put into a pickle."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture
def model():
    return build_model(**CROPPED, aggregator="convap", aggregator_args={"out_channels": 4}, seed=1)


@pytest.fixture
def other():
    return build_model(**CROPPED, aggregator="convap", aggregator_args={"out_channels": 4}, seed=2)


def assert_same_weights(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def refuses(tmp_path, monkeypatch):
    """Load a file, expect a DataError, and see that the model is as it was and that nothing was executed."""
    monkeypatch.chdir(tmp_path)

    def check(path, model):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(DataError) as caught:
            load_checkpoint(path, model)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert not (tmp_path / "executed").exists()
        assert str(path) in str(caught.value)
        return str(caught.value)

    return check


def test_saved_weights_come_back(tmp_path, model, other):
    save_checkpoint(tmp_path / "model.safetensors", model)
    load_checkpoint(tmp_path / "model.safetensors", other)
    assert_same_weights(model, other)


def test_the_same_weights_give_the_same_bytes_in_any_memory_format(tmp_path, model):
    save_checkpoint(tmp_path / "first.safetensors", model)
    save_checkpoint(tmp_path / "second.safetensors", model.to(memory_format=torch.channels_last))
    assert (tmp_path / "first.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


def test_loading_keeps_the_memory_format_of_the_model(tmp_path, model, other):
    save_checkpoint(tmp_path / "model.safetensors", model)
    load_checkpoint(tmp_path / "model.safetensors", other.to(memory_format=torch.channels_last))
    assert other.backbone.model.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert_same_weights(model, other)


@pytest.mark.parametrize("wrap", [dict, lambda state: {"state_dict": state, "epoch": 3}], ids=["bare", "lightning"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_torch_files_load_bare_and_lightning_style(tmp_path, model, other, wrap, zipped):
    path = tmp_path / "model.ckpt"
    torch.save(wrap(model.state_dict()), path, _use_new_zipfile_serialization=zipped)
    load_checkpoint(path, other)
    assert_same_weights(model, other)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path, model, refuses):
    assert "found nothing" in refuses(tmp_path / "absent.ckpt", model)
    assert "found a folder" in refuses(tmp_path, model)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [b"", b"hello world\n", b"<!DOCTYPE html>", b"\xff\xd8\xff\xe0JFIF", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(999)],
    ids=["empty", "text", "html", "jpeg", "zip_start", "empty_pickle", "zeros"],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, model, refuses, content, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    refuses(path, model)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_checkpoint_cut_short_anywhere_is_refused(tmp_path, model, refuses, kind):
    whole = tmp_path / ("whole.safetensors" if kind == "safetensors" else "whole.ckpt")
    if kind == "safetensors":
        save_checkpoint(whole, model)
    else:
        torch.save(model.state_dict(), whole, _use_new_zipfile_serialization=kind == "zip")
    content = whole.read_bytes()
    for share in (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999):
        whole.write_bytes(content[: int(share * len(content))])
        message = refuses(whole, model)
        assert "cut short" in message


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_plain_pickle_with_code_is_refused_by_name_and_never_executed(tmp_path, model, refuses, protocol):
    path = tmp_path / "model.ckpt"
    path.write_bytes(pickle.dumps({"weights": Payload()}, protocol=protocol))
    message = refuses(path, model)
    assert "holds more than tensors" in message
    assert ".mkdir" in message


def test_a_pickle_of_the_oldest_protocol_is_never_executed(tmp_path, model, refuses):
    path = tmp_path / "model.ckpt"
    path.write_bytes(pickle.dumps({"weights": Payload()}, protocol=0))
    refuses(path, model)


def test_a_torch_file_with_code_is_refused_by_name_and_never_executed(tmp_path, model, refuses):
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": model.state_dict(), "callbacks": Payload()}, path)
    message = refuses(path, model)
    assert ".mkdir" in message
    assert "save only model.state_dict()" in message


def test_a_whole_pickled_module_is_refused_by_name(tmp_path, model, refuses):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.ckpt")
    assert "torch.nn.modules.linear.Linear" in refuses(tmp_path / "model.ckpt", model)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([torch.zeros(2)], "holds a list"),
        (torch.zeros(2), "holds a Tensor"),
        ({}, "holds no entries"),
        ({"state_dict": None}, "holds a NoneType"),
        ({"epoch": 3, "optimizer": {}}, "entry 'epoch' is a int, not a tensor"),
        ({1: torch.zeros(2)}, "entry 1 is a Tensor"),
    ],
)
def test_plain_content_that_is_no_state_dict_is_described(tmp_path, model, refuses, content, found):
    torch.save(content, tmp_path / "model.ckpt")
    refuses(tmp_path / "model.ckpt", model)
    with pytest.raises(DataError, match=found):
        read_state_dict(tmp_path / "model.ckpt")


def test_missing_and_unexpected_keys_are_listed_with_a_guess(tmp_path, model, refuses):
    gem = build_model(**CROPPED, aggregator="gem", aggregator_args={})
    save_checkpoint(tmp_path / "gem.safetensors", gem)
    message = refuses(tmp_path / "gem.safetensors", model)
    assert "missing: aggregator.channel_pool.weight, aggregator.channel_pool.bias" in message
    assert "unexpected: aggregator.p" in message
    assert "looks like resnet18 without layer3 and layer4 + gem" in message
    assert "the model is resnet18 without layer3 and layer4 + convap (out_channels 4)" in message


def test_shapes_that_differ_are_listed(tmp_path, model, refuses):
    wide = build_model(**CROPPED, aggregator="convap", aggregator_args={"out_channels": 8})
    save_checkpoint(tmp_path / "wide.safetensors", wide)
    message = refuses(tmp_path / "wide.safetensors", model)
    assert "aggregator.channel_pool.bias ([8] in the file, [4] in the model)" in message


def test_many_differences_are_counted(tmp_path, model, refuses):
    deep = build_model(
        backbone="resnet18", backbone_args={"weights": "none"}, aggregator="convap", aggregator_args={"out_channels": 4}
    )
    save_checkpoint(tmp_path / "deep.safetensors", deep)
    assert "more" in refuses(tmp_path / "deep.safetensors", model)


def test_a_foreign_safetensors_file_is_refused(tmp_path, model, refuses):
    safetensors.torch.save_file({"encoder.weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    message = refuses(tmp_path / "foreign.safetensors", model)
    assert "another kind of model (its first key is 'encoder.weight')" in message
