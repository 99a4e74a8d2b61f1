"""Published weights: the cache is used first, a failed download says what to do. Loopback and file addresses only."""

import hashlib
import http.server
import re
import shlex
import subprocess

import pytest
import timm
import torch
import torchvision

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.backbones import BACKBONES, pretrained
from gsv_pipeline.models.backbones.published import BESIDE_TORCHVISION, Published, published_weights
from gsv_pipeline.models.backbones.timm_dinov2 import MODELS as DINOV2
from gsv_pipeline.models.backbones.timm_swin import MODELS as SWIN
from tests.serving import serving

UNREACHABLE = "http://127.0.0.1:9/resnet18-f37072fd.pth"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty hub cache, in which `checkpoints` is expected."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published_at(monkeypatch):
    """Publishes an address as every backbone's ImageNet weights."""

    def publish(url, file=""):
        monkeypatch.setattr(pretrained, "published_weights", lambda name: {"imagenet": Published(url, "none", file)})

    return publish


@pytest.fixture
def published(tmp_path):
    """A weights file whose name holds the start of its own hash, as torchvision's do."""
    model = torchvision.models.resnet18(weights=None)
    path = tmp_path / "made.pth"
    torch.save(model.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(tmp_path / f"resnet18-{digest}.pth"), model


@pytest.fixture
def breaking_server(published):
    """Promises the whole weights file and hangs up after half of it."""
    content = published[0].read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("name", ["resnet18", "swinv2_tiny", "dinov2_vits14"])
def test_unreachable_weights_say_where_they_were_sought_and_what_to_do(hub, published_at, name):
    published_at(UNREACHABLE)
    with pytest.raises(DataError) as caught:
        BACKBONES.build(name)
    message = str(caught.value)
    assert message.startswith(f"No published weights of {name}: ")
    assert str(hub / "resnet18-f37072fd.pth") in message
    assert UNREACHABLE in message
    assert "set model.backbone.weights=/path/to/resnet18-f37072fd.pth; model.backbone.weights=none starts" in message
    assert caught.value.details == {"expected": str(hub / "resnet18-f37072fd.pth"), "url": UNREACHABLE}
    assert list(hub.iterdir()) == []


def test_the_commands_of_a_failed_download_bring_the_file(hub, published, published_at, monkeypatch):
    path, model = published
    hub.parent.mkdir()
    monkeypatch.chdir(hub.parent)  # with a place that is not called like the cache
    monkeypatch.setattr(torch.hub, "download_url_to_file", fails)
    published_at(path.as_uri(), "resnet 18.pth")  # a name that a shell takes for two
    with pytest.raises(DataError) as caught:
        BACKBONES.build("resnet18")
    there, here = re.search(r"run: curl (.*); then, here: (mkdir .*)\. Or leave", str(caught.value)).groups()
    assert shlex.split(there) == ["-fL", "-o", "resnet 18.pth", path.as_uri()]
    path.rename("resnet 18.pth")  # what curl would do
    subprocess.run(here, shell=True, check=True)
    backbone = BACKBONES.build("resnet18")
    torch.testing.assert_close(backbone.model.conv1.weight, model.conv1.weight, atol=0, rtol=0)


def fails(*_, **__):
    raise OSError("no network")


def test_weights_are_downloaded_once_into_the_cache(hub, published, published_at):
    path, model = published
    published_at(path.as_uri())
    first = BACKBONES.build("resnet18", weights="imagenet")
    path.unlink()
    second = BACKBONES.build("resnet18", weights="imagenet")
    assert [file.name for file in hub.iterdir()] == [path.name]
    for backbone in (first, second):
        torch.testing.assert_close(backbone.model.conv1.weight, model.conv1.weight, atol=0, rtol=0)


def test_a_file_can_have_another_name_in_the_cache(hub, published, published_at):
    published_at(published[0].as_uri(), "resnet18.made.pth")
    BACKBONES.build("resnet18")
    assert [file.name for file in hub.iterdir()] == ["resnet18.made.pth"]


def test_a_download_with_another_hash_is_refused(hub, published, published_at):
    other = published[0].rename(published[0].with_name("resnet18-00000000.pth"))
    published_at(other.as_uri())
    with pytest.raises(DataError, match="invalid hash value"):
        BACKBONES.build("resnet18", weights="imagenet")
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("name", ["resnet18-00000000.pth", "resnet18.pth", "model.safetensors"])
def test_a_download_that_breaks_off_leaves_nothing_behind(hub, breaking_server, published_at, name):
    published_at(f"{breaking_server}/{name}")
    with pytest.raises(DataError, match=rf"{name} could not be fetched \("):
        BACKBONES.build("resnet18")
    assert list(hub.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_named(hub, published_at):
    published_at(UNREACHABLE)
    hub.mkdir(parents=True)
    (hub / "resnet18-f37072fd.pth").write_bytes(b"PK\x03\x04 half a download")
    with pytest.raises(DataError, match=r"resnet18-f37072fd\.pth .* is no readable PyTorch checkpoint"):
        BACKBONES.build("resnet18", weights="imagenet")


@pytest.mark.parametrize("name", ["resnet18", "resnext101_32x8d"])
@pytest.mark.parametrize("weights", ["swsl", "ssl"])
def test_other_published_weights_go_by_their_own_names(hub, name, weights, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, *rest, **options: pytest.fail(url))
    known = published_weights(name)[weights]
    hub.mkdir(parents=True)
    torch.save({"fc.weight": torch.zeros(1)}, hub / known.file_name)
    with torch.device("meta"), pytest.raises(DataError, match=rf"{name} weights .*{known.file_name} does not fit"):
        BACKBONES.build(name, weights=weights)


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("resnet34", "swsl", "expected imagenet, none or a file"),
        ("resnet18", "imagnet", "expected imagenet, ssl, swsl, none or a file"),
        ("dinov2_vits14", "swsl", "expected imagenet, none or a file"),
    ],
)
def test_a_word_that_names_no_weights_is_refused(name, weights, words):
    with pytest.raises(ConfigError, match=rf"backbone '{name}': 'weights' is '{weights}'; {words}"):
        BACKBONES.build(name, weights=weights)


def test_a_file_without_a_suffix_is_a_file(tmp_path, published, monkeypatch):
    published[0].rename(tmp_path / "best")
    monkeypatch.chdir(tmp_path)
    torch.testing.assert_close(
        BACKBONES.build("resnet18", weights="best").model.conv1.weight, published[1].conv1.weight, atol=0, rtol=0
    )


def timm_names():
    for name in BESIDE_TORCHVISION:
        for weights in BESIDE_TORCHVISION[name]:
            if name in DINOV2:
                yield name, weights, f"{DINOV2[name]}.lvd142m"
            elif name in SWIN:
                yield name, weights, SWIN[name][0]
            else:
                tags = {"swsl": "fb_swsl_ig1b_ft_in1k", "ssl": "fb_ssl_yfcc100m_ft_in1k", "imagenet": "gluon_in1k"}
                yield name, weights, f"{name}.{tags[weights]}"


@pytest.mark.parametrize(("name", "weights", "known_as"), list(timm_names()))
def test_addresses_and_licences_are_those_that_timm_knows(name, weights, known_as):
    row, known = published_weights(name)[weights], timm.get_pretrained_cfg(known_as)
    assert row.licence.lower() == known.license
    if name in SWIN:
        assert row.url == f"https://huggingface.co/{known.hf_hub_id}/resolve/main/model.safetensors"
    else:
        assert row.url == known.url


def test_torchvisions_weights_are_its_first_ones():
    assert published_weights("resnet50")["imagenet"].file_name == "resnet50-0676ba61.pth"
