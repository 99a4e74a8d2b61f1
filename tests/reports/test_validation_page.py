import re
from pathlib import Path

import pandas as pd
import pytest

from gsv_pipeline.catalog.report import RULES, Findings, ValidationReport
from gsv_pipeline.catalog.schema import QUARANTINE_COLUMNS
from gsv_pipeline.reports.validation_page import city_rows, first_rows, share_text, write_validation_page
from tests.reports.pages import Page

CATALOG = pd.DataFrame(
    {
        "city": ["PRS", "PRS", "PRS", "London", "London"],
        "place_id": ["PRS/0000001", "PRS/0000001", "PRS/0000002", "London/0000001", "London/0000001"],
        "year": [2012, 0, 2018, 0, 0],
    }
)


def quarantine(**counts: int) -> pd.DataFrame:
    """Rows of each reason, one reason after the other; image 7 of a reason is `London/7.JPG`."""
    rows = [
        (
            "London",
            f"London/{number:07d}",
            f"Images/London/{number}.JPG",
            f"p{number}",
            f"London.csv:{number}",
            reason,
            "",
        )
        for reason, count in counts.items()
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=[column.name for column in QUARANTINE_COLUMNS]).astype("string")


def report(*, images: int = 1000, limit: float = 0.01, level: str = "quick", **counts: int) -> ValidationReport:
    findings = Findings()
    for rule, count in counts.items():
        findings.add(rule, [f"{rule}_{number}" for number in range(min(count, 5))], count=count)
    errors = sum(count for rule, count in counts.items() if RULES[rule].severity == "error")
    return findings.report(
        {"image": images, "place": 50, "city": 2, "data set": 1}, quarantined=errors, limit=limit, level=level
    )


def page(tmp_path: Path, found: ValidationReport, rows: pd.DataFrame, **facts: str) -> Page:
    target = tmp_path / "validation.html"
    write_validation_page(target, found, dataset="gsv", facts=facts, cities=city_rows(CATALOG, rows), quarantine=rows)
    return Page(target)


def test_a_data_set_without_a_finding_reads_as_sound_and_names_every_rule(tmp_path: Path) -> None:
    shown = page(tmp_path, report(), quarantine())

    shown.require_self_contained()
    assert "✓ Sound" in shown.text
    assert "1,000 images" in shown.text
    assert "0 % of those looked at; the limit is 1 %" in shown.text
    assert "size, time, header and end of every image" in shown.text
    assert f"{len(RULES)} rules that nothing broke at level “quick”" in shown.text
    assert [rule.meaning in shown.text for rule in RULES.values()] == [True] * len(RULES)
    assert '<table class="rules">' not in shown.html
    assert "The quarantine is empty." in shown.text


def test_broken_rules_stand_with_severity_count_share_and_examples_and_the_others_are_folded(tmp_path: Path) -> None:
    found = report(images=531_200, missing_image=106, truncated_image=3_000, places_close_together=2)
    shown = page(tmp_path, found, quarantine(missing_image=106))

    rows = shown.rows("rules")
    assert [row[0].split()[-2:] for row in rows[:1]] == [["2,995", "more"]]  # five examples of 3,000 are shown
    assert [row[1:] for row in rows] == [
        ["error", "3,000 images", "0.56 %"],
        ["error", "106 images", "0.02 %"],
        ["warning", "2 places", "4 %"],
    ]
    assert "missing_image_4 and 101 more" in rows[1][0]
    assert rows[2][0].endswith("places_close_together_0 places_close_together_1")
    assert f"{len(RULES) - 3} rules that nothing broke" in shown.text
    assert '<details class="card passed">' in shown.html  # folded


def test_above_the_limit_the_verdict_says_so(tmp_path: Path) -> None:
    shown = page(tmp_path, report(missing_image=11), quarantine(missing_image=11))

    assert "✗ Not sound" in shown.text
    assert "989 images in the catalog, of 1,000 looked at" in shown.text
    assert "1.1 % of those looked at; the limit is 1 %" in shown.text
    assert "✓" not in shown.text


def test_cities_have_images_places_known_years_and_what_they_lost() -> None:
    lost = pd.concat([quarantine(missing_image=3), quarantine(empty_image=1).assign(city="Oslo")])

    rows = [(row.city, row.images, row.places, row.years, row.quarantined) for row in city_rows(CATALOG, lost)]

    assert rows == [("London", 2, 1, "", 3), ("Oslo", 0, 0, "", 1), ("PRS", 3, 2, "2012–2018", 0)]


def test_one_city_row_gives_the_share_of_its_own_images(tmp_path: Path) -> None:
    shown = page(tmp_path, report(missing_image=3), quarantine(missing_image=3))

    assert shown.rows("cities") == [["London", "2", "1", "–", "3 60 %"], ["PRS", "3", "2", "2012–2018", "–"]]


def test_thousands_of_one_reason_do_not_hide_another(tmp_path: Path) -> None:
    rows = quarantine(missing_image=4_000, empty_image=2, leaves_root=30)

    shown = first_rows(rows, 50)

    assert [row.reason for row in shown] == ["missing_image"] * 24 + ["empty_image"] * 2 + ["leaves_root"] * 24
    assert [row.origin for row in shown[:24]] == [f"London.csv:{number}" for number in range(24)]  # in their order
    found = page(tmp_path, report(missing_image=4_000, empty_image=2, leaves_root=30), rows)
    assert "50 of 4,032 rows, the first of every reason; all of them are in quarantine.parquet" in found.text
    assert len(found.rows("quarantine")) == 50
    assert len(found.html) < 60_000


def test_a_row_without_an_image_is_called_by_place_and_panorama() -> None:
    rows = quarantine(missing_image=1).assign(image_id="")

    assert first_rows(rows, 50)[0].image == "London/0000000 p0"
    assert first_rows(rows.assign(place_id=pd.NA, reason="a rule of tomorrow"), 50)[0].image == "London p0"


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&"\''
    rows = quarantine(not_an_image=2).assign(detail=evil, image_id=evil, city=evil)
    findings = Findings()
    findings.add("not_an_image", [evil, evil])
    found = findings.report({"image": 10}, quarantined=2, limit=0.5, level="full")

    shown = page(tmp_path, found, rows, Source=evil)

    assert "<script" not in shown.html
    assert shown.text.count(evil) == 2 + 2 * 2 + 1 + 1  # examples, image and detail of two rows, city, fact


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.0002, "0.02 %"), (0.00001, "0.001 %"), (1e-7, "<0.001 %"), (0.5, "50 %"),
        (0.1234, "12.3 %"), (0.0123, "1.2 %"), (0.00123, "0.12 %"), (0.9999, "99.99 %"), (1 - 1e-7, ">99.999 %"),
    ],
)  # fmt: skip
def test_shares_are_short_and_never_rounded_to_nothing_or_all(fraction: float, text: str) -> None:
    assert share_text(fraction) == text


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = quarantine(missing_image=9, empty_image=4)
    pages = [page(tmp_path, report(missing_image=9, empty_image=4), rows).html for _ in range(2)]

    assert pages[0] == pages[1]
    assert not re.search(r"https?://|url\(|@import", pages[0])
