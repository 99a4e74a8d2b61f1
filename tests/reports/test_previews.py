import base64
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gsv_pipeline.errors import DataError
from gsv_pipeline.reports.data import RecallRow
from gsv_pipeline.reports.figures import recall_bars
from gsv_pipeline.reports.previews import contact_sheet_markdown, figure_markdown

MARKDOWN_IMAGE = r"!\[([^\]]+)\]\(data:image/(jpeg|png);base64,([A-Za-z0-9+/=]+)\)"


def test_a_contact_sheet_is_one_markdown_image_with_a_cell_for_each_file(scenes: list[Path]) -> None:
    found = re.fullmatch(MARKDOWN_IMAGE, contact_sheet_markdown(scenes[:7], columns=3, thumb_height=48))
    assert found is not None
    assert found[1] == "Contact sheet of 7 images"
    with Image.open(BytesIO(base64.b64decode(found[3]))) as sheet:
        assert sheet.size == (3 * 64 + 2 * 4, 3 * 48 + 2 * 4)
        white_corner, first_corner = sheet.getpixel((sheet.width - 5, sheet.height - 5)), sheet.getpixel((1, 1))
    assert min(white_corner) > 245  # two cells of the last row are empty
    assert min(first_corner) < 245


def test_a_sheet_of_few_images_is_no_wider_than_they_are(scenes: list[Path]) -> None:
    found = re.fullmatch(MARKDOWN_IMAGE, contact_sheet_markdown(scenes[:2], columns=6, thumb_height=48))
    assert found is not None
    with Image.open(BytesIO(base64.b64decode(found[3]))) as sheet:
        assert sheet.size == (2 * 64 + 4, 48)


def test_no_images_make_a_sentence() -> None:
    assert contact_sheet_markdown([]) == "There are no images to show."


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg"):
        contact_sheet_markdown([tmp_path / "gone.jpg"])


def test_a_figure_becomes_one_markdown_image() -> None:
    png = recall_bars([RecallRow("demo", {1: 0.5}, {})], image_format="png")
    found = re.fullmatch(MARKDOWN_IMAGE, figure_markdown(png, "Recall"))
    assert found is not None
    assert found[1] == "Recall"
    assert base64.b64decode(found[3]) == png
