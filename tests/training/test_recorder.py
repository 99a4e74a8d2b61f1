"""Numbers of steps that are fetched together: none is lost, and the time between two looks is shared."""

import numpy as np
import pytest
import torch

from gsv_pipeline.places.sampling import PlaceBatch
from gsv_pipeline.training.recorder import Recorder, Taken

NAMES = ("loss", "finite")


def taken(step: int, images: int) -> Taken:
    rows = np.arange(images)
    return Taken(step, 0, 0.1 * step, PlaceBatch(rows, rows, np.zeros(images, np.bool_)))


def test_what_is_read_is_what_was_added_in_order_and_once() -> None:
    seconds = iter([0.0, 2.0, 2.0, 5.0, 5.0])
    recorder = Recorder(3, names=NAMES, device=torch.device("cpu"), clock=lambda: next(seconds))
    for step in (1, 2, 3):
        assert not recorder.is_full
        recorder.add(torch.tensor([step + 0.5, 1.0]), taken(step, images=4))
    assert recorder.is_full
    rows = recorder.read()
    assert [row.step for row, _ in rows] == [1, 2, 3]
    assert [numbers["loss"] for _, numbers in rows] == [1.5, 2.5, 3.5]
    assert [numbers["learning_rate"] for _, numbers in rows] == pytest.approx([0.1, 0.2, 0.3])
    assert {numbers["images_per_s"] for _, numbers in rows} == {12 / 2.0}
    assert recorder.read() == []
    recorder.add(torch.tensor([9.0, 0.0]), taken(4, images=6))
    ((last, numbers),) = recorder.read()
    assert (last.step, numbers["loss"], numbers["finite"], numbers["images_per_s"]) == (4, 9.0, 0.0, 6 / 3.0)


def test_time_that_is_no_training_does_not_count() -> None:
    seconds = iter([0.0, 100.0, 104.0, 104.0])
    recorder = Recorder(1, names=NAMES, device=torch.device("cpu"), clock=lambda: next(seconds))
    recorder.start_clock()
    recorder.add(torch.zeros(2), taken(1, images=8))
    ((_, numbers),) = recorder.read()
    assert numbers["images_per_s"] == 2.0


def test_a_kept_row_does_not_change_with_the_tensor_it_came_from() -> None:
    recorder = Recorder(2, names=NAMES, device=torch.device("cpu"))
    numbers = torch.tensor([1.0, 1.0])
    recorder.add(numbers, taken(1, images=1))
    numbers.fill_(7.0)
    assert recorder.read()[0][1]["loss"] == 1.0
