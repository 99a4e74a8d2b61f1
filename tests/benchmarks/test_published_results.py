"""Published recalls against FIELD 1.9 and 2, in percent as their sources print them."""

import pytest

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.benchmarks.published.results import result

KS = (1, 5, 10, 15, 20, 25)
NOTEBOOK = {
    "cross_season": (100.0, 100.0, 100.0, 100.0, 100.0, 100.0),
    "essex3in1": (74.29, 93.33, 97.14, 98.57, 99.05, 99.52),
    "inria_holidays": (81.67, 91.00, 93.00, 93.00, 93.67, 94.33),
    "msls_val": (83.38, 90.27, 92.16, 93.65, 93.78, 94.05),
    "sped": (81.55, 90.77, 93.41, 94.73, 96.05, 96.38),
    "nordland": (40.25, 56.63, 63.19, 66.78, 70.36, 72.14),
    "pitts30k_test": (90.57, 95.13, 96.21, 96.83, 97.20, 97.52),
    "pitts250k_test": (92.34, 97.49, 98.43, 98.79, 98.95, 99.13),
}
UNSAID = "which queries is not said"
OTHERS = [
    ("pitts30k_test", "AnyLoc", {1: 87.6}, "VPR-methods-evaluation/issues/2"),
    ("pitts30k_test", "CricaVPR (test order shuffled), most of users' runs", {1: 92.2}, "CricaVPR/issues/9"),
    ("pitts30k_test", "CricaVPR (test order shuffled), least of users' runs", {1: 91.8}, "CricaVPR/issues/9"),
    ("pitts30k_test", "CricaVPR (without its cross-image encoder)", {1: 90.6}, "CricaVPR/issues/9"),
    ("pitts250k_test", "MixVPR, ResNet50, a user's run", {1: 92.85}, "MixVPR/issues/37"),
    ("msls_val", f"CosPlace, VGG16, {UNSAID}", {1: 79.5, 5: 87.2, 10: 89.5}, "CosPlace/issues/13"),
    ("msls_val", f"CosPlace, ResNet101, {UNSAID}", {1: 86.6, 5: 92.0, 10: 93.4}, "CosPlace/issues/13"),
    ("msls_val", f"CosPlace, trained on SF-XL at 512 pixels, {UNSAID}", {1: 85.2}, "MixVPR/issues/5"),
    ("msls_val", f"MegaLoc, {UNSAID}", {1: 91.0, 10: 95.8}, "VPR-methods-evaluation/issues/19"),
    ("msls_val", "MegaLoc, a user's run", {1: 93.5, 5: 97.0, 10: 97.8, 20: 98.2}, "VPR-methods-evaluation/issues/19"),
    ("msls_val", "SALAD, DINOv2, a user's run", {1: 91.2}, "salad/issues/6"),
    ("msls_val", "BoQ, DINOv2, least of users' runs", {1: 92.8}, "Bag-of-Queries/issues/30"),
    ("msls_val", "BoQ, DINOv2, most of users' runs", {1: 93.5}, "Bag-of-Queries/issues/30"),
    ("msls_val", "BoQ, batches of 32, backbone not said", {1: 92.4}, "Bag-of-Queries/issues/13"),
    (
        "msls_val_all",
        "SelaVPR (re-ranked), other queries than the 740, least of users' runs",
        {1: 86.6},
        "SelaVPR/issues/1",
    ),
    (
        "msls_val_all",
        "SelaVPR (re-ranked), other queries than the 740, most of users' runs",
        {1: 87.0},
        "SelaVPR/issues/1",
    ),
    ("nordland", "SALAD, DINOv2, a user's run", {1: 71.4}, "salad/issues/6"),
    ("nordland", "BoQ, batches of 32, backbone and variant not said", {1: 69.0}, "Bag-of-Queries/issues/13"),
    ("sped", "SALAD, DINOv2, a user's run", {1: 90.9}, "salad/issues/6"),
    ("sped", "BoQ, batches of 32, backbone not said", {1: 87.0}, "Bag-of-Queries/issues/13"),
    ("sf_xl_test_v1", "EigenPlaces, ResNet50", {1: 72.4}, "EigenPlaces/issues/3"),
    ("sf_xl_test_v1", "EigenPlaces, ResNet50, a user's run", {1: 65.5}, "EigenPlaces/issues/3"),
    ("st_lucia", "CosPlace, ResNet18", {1: 98.8, 5: 99.7, 10: 99.9, 20: 100.0}, "VPR-methods-evaluation"),
]


def percent(recall_at):
    return {k: round(100 * value, 4) for k, value in recall_at.items()}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_notebook_is_kept_down_to_its_last_number(name):
    (found,) = (item for item in BENCHMARKS[name].published if "notebook" in item.source)
    assert found.dimensions == 2048
    assert percent(found.recall_at) == dict(zip(KS, NOTEBOOK[name], strict=True))


@pytest.mark.parametrize(("name", "model", "recalls", "source"), OTHERS)
def test_a_claim_and_what_users_got_stand_with_their_sources(name, model, recalls, source):
    (found,) = (item for item in BENCHMARKS[name].published if item.model == model and source in item.source)
    assert percent(found.recall_at) == recalls


def test_every_run_of_a_user_stands_beside_the_claim():
    for name, row in BENCHMARKS.items():
        models = [item.model for item in row.published]
        for model in models:
            if model.endswith((", a user's run", " of users' runs")) and name != "msls_val_all":
                claim = model.split(" (")[0].split(", ")[0]
                assert any(other.startswith(claim) and "user" not in other for other in models), f"{name}: {model}"


def test_counts_that_users_tell_are_about():
    expected = {name: BENCHMARKS[name].expected for name in ("sf_xl_test_v1", "eynsham")}
    assert (expected["sf_xl_test_v1"].database, expected["sf_xl_test_v1"].about) == (2_588_640, ("database",))
    assert (expected["eynsham"].queries, expected["eynsham"].about) == (23_935, ("queries",))


def test_recalls_at_other_k_are_named():
    assert percent(result("Any", None, 50.0, 60.0, source="here", ks=(1, 20)).recall_at) == {1: 50.0, 20: 60.0}
    with pytest.raises(ValueError, match="zip"):
        result("Any", None, 50.0, 60.0, source="here", ks=(1,))
