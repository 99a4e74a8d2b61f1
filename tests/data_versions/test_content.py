"""The files of a data set are listed whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gsv_pipeline.data_versions.content import files_of
from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import Location


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two cities without tables; a link leads from one to the other, another one in a circle."""
    for name in ("Images/Rome/b.JPG", "Images/Rome/.hidden", "Images/Oslo/a.JPG"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
    (tmp_path / "Images" / "Oslo" / "neighbour").symlink_to(tmp_path / "Images" / "Rome")
    (tmp_path / "Images" / "Oslo" / "circle").symlink_to(tmp_path / "Images" / "Oslo")
    return tmp_path


def test_links_are_followed_once_and_hidden_files_left_out(root: Path) -> None:
    assert files_of(Location(root)) == ["Images/Oslo/a.JPG", "Images/Oslo/neighbour/b.JPG", "Images/Rome/b.JPG"]


def test_a_folder_that_cannot_be_read_is_not_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.iterdir

    def refuse(folder: Path) -> Iterator[Path]:
        if folder.name == "Rome":
            raise PermissionError(13, "Permission denied", str(folder))
        return original(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="Rome cannot be read: Permission denied. Mend or remove it"):
        files_of(Location(root))
