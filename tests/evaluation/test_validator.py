"""Recall of a model in training, on images of which the answers are known."""

import pytest

from gsv_pipeline.evaluation.validator import SHARED_IMAGES, RecallValidator, Validation, own_images
from gsv_pipeline.tracking import NullTracker
from gsv_pipeline.training.processes import Processes
from tests.evaluation.colours import MeanColour, colour_validation, paint


@pytest.fixture
def validation(tmp_path):
    return colour_validation(paint(tmp_path))


def test_recalls_are_named_by_benchmark_and_k(validation):
    recalls = RecallValidator([validation], precision="32-true")(MeanColour())
    assert recalls == {"colours/R@1": pytest.approx(2 / 3), "colours/R@5": pytest.approx(2 / 3), "colours/R@10": 1.0}


def test_the_first_benchmark_comes_first(validation):
    other = Validation("again", validation.data, validation.reader)
    recalls = RecallValidator([other, validation], precision="32-true")(MeanColour())
    assert next(iter(recalls)) == "again/R@1"
    assert len(recalls) == 6


def test_validation_leaves_a_model_in_training(validation):
    model = MeanColour().train()
    RecallValidator([validation], precision="32-true")(model)
    assert model.training


def test_images_decoded_beforehand_give_the_same_recalls(validation):
    first = RecallValidator([validation], precision="32-true")(MeanColour())
    validation.reader.decode_all(NullTracker(), "Decoding")
    assert RecallValidator([validation], precision="32-true")(MeanColour()) == first


def test_what_was_retrieved_is_handed_on_after_each_benchmark(validation):
    seen = []
    RecallValidator([validation], precision="32-true", on_retrieval=lambda *given: seen.append(given))(MeanColour())
    ((name, predictions, given),) = seen
    assert (name, given) == ("colours", validation)
    assert predictions.shape == (3, 6)
    assert predictions[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000, 1024])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_processes_share_images_in_order_and_in_whole_pieces(count, size):
    shares = [own_images(count, Processes(rank, size)) for rank in range(size)]
    assert [row for share in shares for row in range(count)[share]] == list(range(count))
    assert all(share.start % SHARED_IMAGES == 0 or share.start == count for share in shares)
    lengths = [len(range(count)[share]) for share in shares]
    assert lengths[0] == max(lengths)
