"""The folder that holds `Images/`, however an archive wrapped it."""

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.location import find_root


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()


@pytest.mark.parametrize("wrapped", ["", "gsv-cities", "release/gsv-cities"])
def test_it_is_found_up_to_two_levels_down(tmp_path, wrapped):
    make(tmp_path / wrapped, "Images/Rome/", "README.md")
    assert find_root(tmp_path) == tmp_path / wrapped


def test_the_nearest_counts_and_among_equals_the_one_with_tables(tmp_path):
    make(tmp_path, "a/deep/Images/", "c/Images/", "b/Images/")
    with pytest.raises(DataError, match=r"holds several data sets \(b, c\), expected one"):
        find_root(tmp_path)
    make(tmp_path, "c/Dataframes/")
    assert find_root(tmp_path) == tmp_path / "c"
    make(tmp_path, "Images/")
    assert find_root(tmp_path) == tmp_path


def test_what_is_hidden_or_added_by_macos_does_not_count_nor_does_a_file_of_the_name(tmp_path):
    make(tmp_path, "__MACOSX/Images/", ".cache/Images/", "a/Images", "one/two/three/Images/", "notes.txt")
    with pytest.raises(DataError, match=r"nor up to 2 levels below \(found: a/, notes.txt, one/\)"):
        find_root(tmp_path)


def test_an_empty_or_missing_folder_is_named_and_a_long_listing_is_cut(tmp_path):
    with pytest.raises(DataError, match="found: an empty folder"):
        find_root(tmp_path)
    with pytest.raises(DataError, match="found: no such folder"):
        find_root(tmp_path / "absent")
    make(tmp_path, *(f"{number:02d}.jpg" for number in range(11)))
    with pytest.raises(DataError, match=r"00.jpg, .*, 07.jpg and 3 more\)"):
        find_root(tmp_path)
