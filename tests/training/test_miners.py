"""Miners against their definitions, and the share of images that are solved."""

import inspect

import pytest
import torch

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.training.miners import MINERS, batch_accuracy

# The numbers of FIELD 1.4.
DEFAULTS = {
    "multi_similarity": {"epsilon": 0.1},
    "triplet": {"margin": 0.1, "type_of_triplets": "semihard"},
    "pair_margin": {"pos_margin": 0.7, "neg_margin": 0.3},
    "none": {},
}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 3])
    return torch.nn.functional.normalize(torch.randn(9, 5, generator=generator), dim=1), labels


def pairs_of(first, second):
    return set(zip(first.tolist(), second.tolist(), strict=True))


@pytest.mark.parametrize("name", sorted(MINERS))
def test_defaults_are_the_reference_numbers(name):
    assert {item.name: item.default for item in inspect.signature(MINERS[name]).parameters.values()} == DEFAULTS[name]


def test_multi_similarity_keeps_what_its_definition_says(batch):
    descriptors, labels = batch
    similar = descriptors @ descriptors.T
    epsilon = 0.1
    positives, negatives = set(), set()
    for i in range(9):
        same = [j for j in range(9) if j != i and labels[j] == labels[i]]
        other = [j for j in range(9) if labels[j] != labels[i]]
        hardest_negative = max(similar[i, j] for j in other)
        positives |= {(i, j) for j in same if similar[i, j] - epsilon < hardest_negative}
        if same:
            hardest_positive = min(similar[i, j] for j in same)
            negatives |= {(i, j) for j in other if similar[i, j] + epsilon > hardest_positive}
    anchors, found_positives, second_anchors, found_negatives = MINERS.build("multi_similarity")(descriptors, labels)
    assert pairs_of(anchors, found_positives) == positives
    assert {pair for pair in pairs_of(second_anchors, found_negatives) if labels[pair[0]] != 3} == negatives


@pytest.mark.parametrize("kind", ["all", "hard", "semihard", "easy"])
def test_triplets_are_those_of_their_kind(batch, kind):
    descriptors, labels = batch
    expected = set()
    for a in range(9):
        for p in range(9):
            for n in range(9):
                if a == p or labels[a] != labels[p] or labels[a] == labels[n]:
                    continue
                gap = (torch.dist(descriptors[a], descriptors[n]) - torch.dist(descriptors[a], descriptors[p])).item()
                kinds = {"all": gap <= 0.1, "hard": gap <= 0, "semihard": 0 < gap <= 0.1, "easy": gap > 0.1}
                if kinds[kind]:
                    expected.add((a, p, n))
    found = MINERS.build("triplet", margin=0.1, type_of_triplets=kind)(descriptors, labels)
    assert set(zip(*(indices.tolist() for indices in found), strict=True)) == expected


def test_pair_margin_keeps_unlike_positives_and_like_negatives(batch):
    descriptors, labels = batch
    similar = descriptors @ descriptors.T
    a1, p, a2, n = MINERS.build("pair_margin", pos_margin=0.5, neg_margin=0.2)(descriptors, labels)
    same = (labels[:, None] == labels) & ~torch.eye(9, dtype=torch.bool)
    assert pairs_of(a1, p) == pairs_of(*torch.where(same & (similar < 0.5)))
    assert pairs_of(a2, n) == pairs_of(*torch.where((labels[:, None] != labels) & (similar > 0.2)))


def test_no_miner_mines_nothing(batch):
    assert MINERS.build("none")(*batch) is None


@pytest.mark.parametrize("name", ["multi_similarity", "triplet", "pair_margin"])
def test_autocast_does_not_change_what_is_mined(batch, name):
    miner = MINERS.build(name)
    plain = miner(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = miner(*batch)
    assert all(torch.equal(first, second) for first, second in zip(plain, mixed, strict=True))


def test_batch_accuracy_is_the_share_of_images_without_a_mined_positive():
    anchors = torch.tensor([0, 0, 2, 2, 2])
    pairs = (anchors, anchors + 1, torch.tensor([1]), torch.tensor([3]))
    assert batch_accuracy(pairs, 5).item() == pytest.approx(3 / 5)
    assert batch_accuracy((anchors, anchors + 1, anchors), 4).item() == pytest.approx(2 / 4)


def test_batch_accuracy_is_one_when_nothing_is_mined_and_zero_without_a_miner():
    empty = torch.zeros(0, dtype=torch.long)
    assert batch_accuracy((empty, empty, empty, empty), 8).item() == 1.0


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("multi_similarity", {"epsilon": "0.1"}, "epsilon"),
        ("triplet", {"margin": None}, "margin"),
        ("triplet", {"type_of_triplets": "semi"}, "expected one of all, hard, semihard, easy"),
        ("pair_margin", {"pos_margin": True}, "pos_margin"),
        ("multi_similarty", {}, "Did you mean 'multi_similarity'"),
    ],
)
def test_bad_names_and_values_are_refused(name, arguments, named):
    with pytest.raises(ConfigError, match=named):
        MINERS.build(name, **arguments)
