"""Losses against the reference's numbers and against plain loops."""

import inspect
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.training.losses import LOSSES
from gsv_pipeline.training.miners import MINERS, batch_accuracy

PARITY = Path(__file__).parents[1] / "parity"
EXPECTED = json.loads((PARITY / "losses_expected.json").read_text())
LOSS_NAMES = {
    "SupConLoss": "supcon",
    "CircleLoss": "circle",
    "MultiSimilarityLoss": "multi_similarity",
    "ContrastiveLoss": "contrastive",
    "Lifted": "lifted",
    "FastAPLoss": "fastap",
    "NTXentLoss": "ntxent",
    "TripletMarginLoss": "triplet",
}
MINER_NAMES = {
    "none": "none",
    "MultiSimilarityMiner": "multi_similarity",
    "TripletMarginMiner": "triplet",
    "PairMarginMiner": "pair_margin",
}
# The numbers of FIELD 1.4, and for each parameter another value that must make a difference.
PARAMETERS = {
    "multi_similarity": {"alpha": (1.0, 2.0), "beta": (50.0, 20.0), "base": (0.0, 0.5)},
    "contrastive": {"pos_margin": (0.0, 0.5), "neg_margin": (1.0, 1.5)},
    "triplet": {
        "margin": (0.1, 0.3),
        "swap": (False, True),
        "smooth_loss": (False, True),
        "triplets_per_anchor": ("all", 3),
    },
    "centroid_triplet": {"margin": (0.05, 0.3), "swap": (False, True), "smooth_loss": (False, True)},
    "supcon": {"temperature": (0.07, 0.5)},
    "ntxent": {"temperature": (0.07, 0.5)},
    "circle": {"m": (0.4, 0.2), "gamma": (80.0, 10.0)},
    "fastap": {"num_bins": (30, 5)},
    "lifted": {"neg_margin": (0.0, 0.5), "pos_margin": (1.0, 0.5)},
}
# CentroidTripletLoss is not in pytorch-metric-learning 2.9, so the reference gave errors in place of numbers there.
COMPUTED = [case.split("/") for case, row in EXPECTED.items() if "error" not in row]


@pytest.fixture(scope="module")
def batch():
    with np.load(PARITY / "losses_input.npz") as stored:
        return torch.tensor(stored["descriptors"]), torch.tensor(stored["labels"])


def small_batch(sizes, seed=0, dim=6):
    """Unit descriptors of places with the given numbers of images, in mixed order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([place for place, size in enumerate(sizes) for _ in range(size)])
    labels = labels[torch.randperm(len(labels), generator=generator)]
    descriptors = torch.randn(len(labels), dim, generator=generator)
    return torch.nn.functional.normalize(descriptors, dim=1), labels


def test_only_the_centroid_loss_is_missing_from_the_reference_numbers():
    missing = {case.split("/")[0] for case, row in EXPECTED.items() if "error" in row}
    assert missing == {"CentroidTripletLoss"}
    assert len(COMPUTED) == len(LOSS_NAMES) * len(MINER_NAMES)
    assert {*LOSS_NAMES.values(), "centroid_triplet"} == set(LOSSES)
    assert set(MINER_NAMES.values()) == set(MINERS)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_defaults_are_the_reference_numbers_and_every_parameter_counts(name):
    defaults = {item.name: item.default for item in inspect.signature(LOSSES[name]).parameters.values()}
    assert defaults == {parameter: default for parameter, (default, _) in PARAMETERS[name].items()}
    descriptors, labels = small_batch([4, 3, 5, 2], dim=4)
    by_default = LOSSES.build(name)(descriptors, labels, None).item()
    for parameter, (default, other) in PARAMETERS[name].items():
        assert LOSSES.build(name, **{parameter: default})(descriptors, labels, None).item() == by_default
        changed = LOSSES.build(name, **{parameter: other})(descriptors, labels, None).item()
        assert changed != pytest.approx(by_default, rel=1e-4), parameter


@pytest.mark.parametrize(("loss", "miner"), COMPUTED, ids=["-".join(case) for case in COMPUTED])
def test_loss_gradient_and_mining_equal_the_reference(batch, loss, miner):
    expected = EXPECTED[f"{loss}/{miner}"]
    descriptors, labels = batch[0].clone().requires_grad_(), batch[1]
    pairs = MINERS.build(MINER_NAMES[miner])(descriptors, labels)
    value = LOSSES.build(LOSS_NAMES[loss])(descriptors, labels, pairs)
    value.backward()
    assert value.item() == pytest.approx(expected["loss"], abs=1e-5, rel=0)
    assert descriptors.grad.norm().item() == pytest.approx(expected["grad_norm"], abs=1e-5, rel=0)
    if miner != "none":
        assert [len(indices) for indices in pairs] == expected["mined_tuple_sizes"]
        assert batch_accuracy(pairs, len(labels)).item() == pytest.approx(expected["batch_acc"], abs=1e-5, rel=0)


def test_multi_similarity_is_its_formula_averaged_over_all_images():
    descriptors, labels = small_batch([3, 2, 1])
    alpha, beta, base = 2.0, 10.0, 0.3
    total = 0.0
    for i in range(len(labels)):
        similar = [(descriptors[i] @ descriptors[j]).item() for j in range(len(labels))]
        same = [s for j, s in enumerate(similar) if j != i and labels[j] == labels[i]]
        different = [s for j, s in enumerate(similar) if labels[j] != labels[i]]
        total += math.log(1 + sum(math.exp(alpha * (base - s)) for s in same)) / alpha
        total += math.log(1 + sum(math.exp(beta * (s - base)) for s in different)) / beta
    value = LOSSES.build("multi_similarity", alpha=alpha, beta=beta, base=base)(descriptors, labels, None)
    assert value.item() == pytest.approx(total / len(labels), abs=1e-5)


def triplet_by_loops(descriptors, labels, margin):
    terms = []
    for a, p, n in itertools.product(range(len(labels)), repeat=3):
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
            positive, negative = (torch.dist(descriptors[a], descriptors[x]).item() for x in (p, n))
            terms.append(max(0.0, positive - negative + margin))
    positive_terms = [term for term in terms if term > 0]
    return sum(positive_terms) / len(positive_terms)


def test_triplet_is_its_formula_averaged_over_violations():
    descriptors, labels = small_batch([3, 2, 2])
    value = LOSSES.build("triplet", margin=0.2)(descriptors, labels, None)
    assert value.item() == pytest.approx(triplet_by_loops(descriptors, labels, margin=0.2), abs=1e-5)


def test_triplets_drawn_where_there_is_no_choice_are_all_triplets():
    descriptors, labels = small_batch([2, 1])
    expected = LOSSES.build("triplet", margin=2.0)(descriptors, labels, None)
    drawn = LOSSES.build("triplet", margin=2.0, triplets_per_anchor=5)(descriptors, labels, None)
    assert drawn.item() == pytest.approx(expected.item())
    assert LOSSES.build("triplet", triplets_per_anchor=5)(descriptors[:1], labels[:1], None).item() == 0.0


def test_drawn_triplets_depend_on_nothing_but_the_batch():
    descriptors, labels = small_batch([4, 4, 4])
    loss = LOSSES.build("triplet", margin=2.0, triplets_per_anchor=2)
    torch.manual_seed(5)
    expected_next = torch.rand(1)
    values = set()
    for seed in (5, 6):
        torch.manual_seed(seed)
        values.add(loss(descriptors, labels, None).item())
    torch.manual_seed(5)
    loss(descriptors, labels, None)
    assert len(values) == 1
    assert torch.equal(torch.rand(1), expected_next)


def test_drawn_triplets_follow_all_of_them():
    descriptors, labels = small_batch([4, 4, 4])
    expected = LOSSES.build("triplet", margin=2.0)(descriptors, labels, None).item()
    many = LOSSES.build("triplet", margin=2.0, triplets_per_anchor=2000)(descriptors, labels, None).item()
    assert many == pytest.approx(expected, rel=0.01)


def test_a_miner_takes_precedence_over_drawing():
    descriptors, labels = small_batch([4, 4, 4])
    pairs = MINERS.build("triplet")(descriptors, labels)
    drawing = LOSSES.build("triplet", triplets_per_anchor=1)(descriptors, labels, pairs)
    assert drawing.item() == LOSSES.build("triplet")(descriptors, labels, pairs).item()


def centre(descriptors, indices):
    mean = [sum(descriptors[i][d].item() for i in indices) / len(indices) for d in range(descriptors.shape[1])]
    length = math.sqrt(sum(x * x for x in mean))
    return torch.tensor([x / length for x in mean])


def centroid_by_loops(descriptors, labels, *, admitted, margin, swap, smooth):
    """The formula of the docstring, one image and one place at a time."""
    terms = []
    for a, place in itertools.product(range(len(labels)), sorted(set(labels.tolist()))):
        company = [i for i in range(len(labels)) if labels[i] == labels[a] and i != a]
        if labels[a] == place or not company or (a, place) not in admitted:
            continue
        own = centre(descriptors, company)
        other = centre(descriptors, [i for i in range(len(labels)) if labels[i] == place])
        far = torch.dist(descriptors[a], other).item()
        if swap:
            far = min(far, torch.dist(own, other).item())
        violation = torch.dist(descriptors[a], own).item() - far + margin
        terms.append(math.log1p(math.exp(violation)) if smooth else max(0.0, violation))
    counted = [term for term in terms if term > 0]
    return sum(counted) / max(len(counted), 1)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [3, 1, 2, 5], [2, 2]])
@pytest.mark.parametrize("miner", ["none", "multi_similarity", "triplet"])
def test_centroid_triplet_is_its_formula(swap, smooth, sizes, miner):
    descriptors, labels = small_batch(sizes)
    pairs = MINERS.build(miner)(descriptors, labels)
    admitted = set(itertools.product(range(len(labels)), labels.tolist()))
    if pairs is not None:
        anchors, negatives = (pairs[0], pairs[2]) if len(pairs) == 3 else (pairs[2], pairs[3])
        admitted = {(a, labels[n].item()) for a, n in zip(anchors.tolist(), negatives.tolist(), strict=True)}
    value = LOSSES.build("centroid_triplet", margin=0.3, swap=swap, smooth_loss=smooth)(descriptors, labels, pairs)
    expected = centroid_by_loops(descriptors, labels, admitted=admitted, margin=0.3, swap=swap, smooth=smooth)
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_centroid_triplet_by_hand():
    # Places at 0 and 90 degrees: own centroid at distance 0, the other at sqrt 2, so only a margin over sqrt 2 costs.
    descriptors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 1, 1])
    assert LOSSES.build("centroid_triplet")(descriptors, labels, None).item() == 0.0
    value = LOSSES.build("centroid_triplet", margin=2.0)(descriptors, labels, None)
    assert value.item() == pytest.approx(2.0 - math.sqrt(2.0), abs=1e-6)


def test_centroid_triplet_default_margin_is_the_reference_one():
    descriptors, labels = small_batch([4, 4, 4], seed=3, dim=2)
    with_default = LOSSES.build("centroid_triplet")(descriptors, labels, None)
    assert with_default.item() == LOSSES.build("centroid_triplet", margin=0.05)(descriptors, labels, None).item()


def test_centroid_triplet_gradient_is_its_numerical_derivative():
    descriptors, labels = small_batch([3, 2, 1])
    loss = LOSSES.build("centroid_triplet", margin=0.5, smooth_loss=True).compute
    inputs = descriptors.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, labels, None), (inputs,))


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("multi_similarity", {"alpha": 0}, "alpha"),
        ("multi_similarity", {"base": "0"}, "base"),
        ("contrastive", {"neg_margin": None}, "neg_margin"),
        ("triplet", {"swap": "yes"}, "swap"),
        ("triplet", {"margin": math.nan}, "margin"),
        ("triplet", {"triplets_per_anchor": "al"}, "triplets_per_anchor.*'all'"),
        ("triplet", {"triplets_per_anchor": 0}, "triplets_per_anchor"),
        ("triplet", {"triplets_per_anchor": True}, "triplets_per_anchor"),
        ("centroid_triplet", {"margin": "0.05"}, "margin"),
        ("centroid_triplet", {"smooth_loss": 1}, "smooth_loss"),
        ("supcon", {"temperature": 0.0}, "temperature"),
        ("ntxent", {"temperature": -1}, "temperature"),
        ("circle", {"gamma": 0}, "gamma"),
        ("circle", {"m": "x"}, "'m'"),
        ("fastap", {"num_bins": 2.5}, "num_bins"),
        ("lifted", {"pos_margin": math.inf}, "pos_margin"),
    ],
)
def test_values_out_of_range_are_refused(name, arguments, named):
    with pytest.raises(ConfigError, match=f"loss '{name}'.*{named}"):
        LOSSES.build(name, **arguments)
