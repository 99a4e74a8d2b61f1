"""ImageNet weights: the cache is used first, a failed download says what to do. Loopback and file addresses only."""

import hashlib

import pytest
import torch
import torchvision

from gsv_pipeline.errors import DataError
from gsv_pipeline.models.backbones import BACKBONES, pretrained


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty hub cache, in which `checkpoints` is expected."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path):
    """A weights file whose name holds the start of its own hash, as torchvision's do."""
    model = torchvision.models.resnet18(weights=None)
    path = tmp_path / "made.pth"
    torch.save(model.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(tmp_path / f"resnet18-{digest}.pth"), model


def test_every_backbone_has_an_imagenet_address():
    for name in BACKBONES:
        assert pretrained.imagenet_url(name).startswith("https://")
        assert pretrained.imagenet_url(name).endswith(".pth")


def test_unreachable_weights_say_where_they_were_sought_and_what_to_do(hub, monkeypatch):
    monkeypatch.setattr(pretrained, "imagenet_url", lambda name: "http://127.0.0.1:9/resnet18-f37072fd.pth")
    with pytest.raises(DataError) as caught:
        BACKBONES.build("resnet18")
    message = str(caught.value)
    assert str(hub / "resnet18-f37072fd.pth") in message
    assert "http://127.0.0.1:9/resnet18-f37072fd.pth" in message
    assert "'weights' to a state dict file or to none" in message
    assert caught.value.details["expected"] == str(hub / "resnet18-f37072fd.pth")
    assert list(hub.iterdir()) == []


def test_weights_are_downloaded_once_into_the_cache(hub, published, monkeypatch):
    path, model = published
    monkeypatch.setattr(pretrained, "imagenet_url", lambda name: path.as_uri())
    first = BACKBONES.build("resnet18", weights="imagenet")
    path.unlink()
    second = BACKBONES.build("resnet18", weights="imagenet")
    assert [file.name for file in hub.iterdir()] == [path.name]
    for backbone in (first, second):
        torch.testing.assert_close(backbone.model.conv1.weight, model.conv1.weight, atol=0, rtol=0)


def test_a_download_with_another_hash_is_refused(hub, published, monkeypatch):
    path, _ = published
    other = path.rename(path.with_name("resnet18-00000000.pth"))
    monkeypatch.setattr(pretrained, "imagenet_url", lambda name: other.as_uri())
    with pytest.raises(DataError, match="invalid hash value"):
        BACKBONES.build("resnet18", weights="imagenet")
    assert list(hub.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_named(hub, monkeypatch):
    monkeypatch.setattr(pretrained, "imagenet_url", lambda name: "http://127.0.0.1:9/resnet18-f37072fd.pth")
    hub.mkdir(parents=True)
    (hub / "resnet18-f37072fd.pth").write_bytes(b"PK\x03\x04 half a download")
    with pytest.raises(DataError, match=r"resnet18-f37072fd\.pth .* is no readable PyTorch checkpoint"):
        BACKBONES.build("resnet18", weights="imagenet")
