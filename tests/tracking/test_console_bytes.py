"""Bars in bytes are read as sizes, rates and times; other bars stay as they were."""

import io

import pytest

from gsv_pipeline.tracking.console import ConsoleTracker


def shown(total, steps, **options):
    stream = io.StringIO()
    with ConsoleTracker(stream).progress("Downloading", total=total, **options) as bar:
        for step in steps:
            bar.advance(step)
    return stream.getvalue()


def test_bytes_are_shown_as_sizes_with_a_rate_and_the_time_left():
    text = shown(2_400_000_000, [1_200_000_000], unit="B")
    assert "Downloading:  50%" in text
    assert "1.20G/2.40G [00:0" in text
    assert "B/s]" in text
    assert "1200000000" not in text


def test_bytes_of_an_unknown_total_are_counted_without_a_share_or_a_time_left():
    text = shown(0, [1_500_000], unit="B")
    assert "Downloading: 1.50MB [00:0" in text
    assert "%" not in text


@pytest.mark.parametrize("unit", ["image", "step"])
def test_other_units_are_counted_one_by_one(unit):
    text = shown(2000, [2000], unit=unit)
    assert "2000/2000 [" in text
    assert f" {unit}/s]" in text
