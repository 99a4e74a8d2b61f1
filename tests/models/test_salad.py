"""SALAD against Sinkhorn on plain matrices, its sizes, and the class token that it needs."""

import pytest
import torch
from torch import nn

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.avg import Avg
from gsv_pipeline.models.aggregators.salad import SALAD, transport
from gsv_pipeline.models.backbones.base import Backbone
from gsv_pipeline.models.vpr_model import VPRModel, build_model, check_model

SMALL = {"num_clusters": 3, "cluster_dim": 4, "token_dim": 5}


class Patches(Backbone):
    """A stand-in for a vision transformer: cells of 8 px, and a token that is no mean of them."""

    gives_class_token = True

    def __init__(self):
        super().__init__("patches")
        self.out_channels, self.stride = 6, 8
        self.model = nn.Conv2d(3, 6, kernel_size=8, stride=8)

    def forward(self, images):
        features = self.model(images)
        return features, features.amax(dim=(2, 3))


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def share_out(scores, dust_bin, *, rounds):
    """Sinkhorn as in the textbook: scale rows and columns of the exponentials in turn."""
    clusters, cells = scores.shape
    plan = torch.cat([scores, dust_bin * torch.ones(1, cells)]).double().exp()
    wanted = torch.tensor([1.0] * clusters + [float(cells - clusters)])
    for _ in range(rounds):
        plan *= (wanted / plan.sum(1))[:, None]
        plan /= plan.sum(0)
    return plan


def test_shares_are_those_of_sinkhorn_on_the_exponentials():
    scores, dust_bin = random(2, 3, 10), torch.tensor(0.7)
    found = transport(scores, dust_bin, iterations=3)
    for image, shares in zip(scores, found, strict=True):
        torch.testing.assert_close(shares.double(), share_out(image, 0.7, rounds=3)[:-1], atol=1e-6, rtol=0)


def test_many_rounds_give_every_cluster_one_cell_and_no_cell_more_than_it_has():
    shares = transport(random(2, 3, 10), torch.tensor(0.0), iterations=200)
    torch.testing.assert_close(shares.sum(2), torch.ones(2, 3), atol=1e-4, rtol=0)
    assert (shares.sum(1) <= 1 + 1e-6).all()


def test_scores_of_hundreds_stay_finite():
    shares = transport(300 * random(2, 3, 10), torch.tensor(1.0), iterations=3)
    assert shares.isfinite().all()


def test_the_descriptor_is_the_token_and_then_normalised_clusters():
    salad = SALAD(6, **SMALL).eval()
    features, token = random(2, 6, 3, 4), random(2, 6, seed=1)
    with torch.no_grad():
        found = salad(features, token)
        for image, (cells, own) in enumerate(zip(features.flatten(2), token, strict=True)):
            local, scores = (
                net[3].weight[:, :, 0, 0] @ (net[0].weight[:, :, 0, 0] @ cells + net[0].bias[:, None]).clamp(min=0)
                + net[3].bias[:, None]
                for net in (salad.cluster_features, salad.score)
            )
            clusters = local @ share_out(scores, 1.0, rounds=3)[:-1].float().T
            small = salad.token_features(own)
            whole = torch.cat([small / small.norm(), (clusters / clusters.norm(dim=0)).flatten()])
            torch.testing.assert_close(found[image], whole / whole.norm(), atol=1e-5, rtol=0)


def test_the_published_head_has_8448_numbers_and_1_4_million_parameters():
    # Size published: 8192 + 256 (README). Parameters derived from the definition, all with 512 hidden units:
    # token 768 -> 512 -> 256, cells 768 -> 512 -> 128, scores 768 -> 512 -> 64, and one number for the dustbin.
    def perceptron(out):
        return 768 * 512 + 512 + 512 * out + out

    with torch.device("meta"):
        model = build_model(
            backbone="dinov2_vitb14", backbone_args={"weights": "none"}, aggregator="salad", aggregator_args={}
        )
    assert model.out_dim == 8448
    head = sum(value.numel() for value in model.aggregator.parameters())
    assert head == perceptron(256) + perceptron(128) + perceptron(64) + 1 == 1_411_009


def test_the_released_small_model_has_544_numbers():
    # Published: 512 + 32 (README); 16 clusters of 32 is how we read 512.
    assert SALAD(768, num_clusters=16, cluster_dim=32, token_dim=32).out_dim == 512 + 32


def test_the_model_hands_over_the_class_token():
    model = VPRModel(Patches(), SALAD(6, **SMALL)).eval()
    images = random(2, 3, 32, 24)
    features, token = model.backbone(images)
    assert torch.equal(model(images), model.aggregator(features, token))
    assert not torch.equal(model(images), model.aggregator(features, features.mean(dim=(2, 3))))


def test_an_aggregator_without_need_of_it_never_sees_the_class_token():
    model = VPRModel(Patches(), Avg(6))
    images = random(2, 3, 32, 24)
    assert torch.equal(model(images), model.aggregator(model.backbone(images)[0]))


def test_a_backbone_without_class_token_is_refused_by_name_before_any_work():
    arguments = {"backbone": "resnet18", "backbone_args": {"weights": "none"}, "aggregator_args": {}}
    for step in (build_model, check_model):
        with pytest.raises(ConfigError, match="SALAD needs a backbone with a class token, and 'resnet18' has none"):
            step(**arguments, aggregator="salad")


def test_a_map_with_too_few_cells_is_refused():
    arguments = {"backbone": "dinov2_vits14", "backbone_args": {}, "aggregator": "salad", "aggregator_args": {}}
    check_model(**arguments, image_size=(126, 126))  # 81 cells for 64 clusters
    with pytest.raises(ConfigError, match="a map of 8 x 8 cells is too small for 64 clusters"):
        check_model(**arguments, image_size=(112, 112))


def test_dropout_works_in_training_only():
    salad, features, token = SALAD(6, **SMALL, dropout=0.5), random(2, 6, 3, 4), random(2, 6)
    assert not torch.equal(salad(features, token), salad(features, token))
    salad.eval()
    assert torch.equal(salad(features, token), salad(features, token))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"num_clusters": 0}, "num_clusters"), ({"dropout": 1.0}, "dropout"), ({"iterations": 0}, "iterations")],
)
def test_values_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=f"aggregator 'salad'.*'{named}'"):
        AGGREGATORS.build("salad", in_channels=8, **arguments)
