"""A release that notes more packages than the one before explains no drift by that."""

from gsv_pipeline.evaluation.history_changes import step_changes
from gsv_pipeline.evaluation.history_file import Step

KEY = "embeddings/demo_test/demo"


def changes(*, before: dict[str, str], now: dict[str, str]) -> list[str]:
    steps = [
        {KEY: Step("1", created, surroundings={"packages": packages})}
        for created, packages in (("day 0", before), ("day 1", now))
    ]
    return [change.text for change in step_changes(*steps)]


def test_a_package_that_was_not_noted_before_is_unknown_and_no_change() -> None:
    before, now = {"torch": "2.14.1"}, {"torch": "2.14.1", "simplejpeg": "1.9.0"}
    assert changes(before=before, now=now) == []
    assert changes(before=now, now=before) == []
    assert changes(before=before, now={**now, "torch": "2.15.0"}) == ["torch: 2.14.1 → 2.15.0 (embeddings)"]
    assert changes(before={}, now=now) == []
