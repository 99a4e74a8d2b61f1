"""Data sets that users define: read strictly, written safely, and never in the way of the others."""

import subprocess
import sys

import pytest
import yaml

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import DATASETS, SOURCES
from gsv_pipeline.sources.own import check_name, dataset_problems, dataset_row, dataset_rows, define_dataset


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "data")


def write(layout, name, text):
    layout.datasets().mkdir(parents=True, exist_ok=True)
    path = layout.datasets() / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_own_files_the_shipped_data_sets_are_there_sorted(layout):
    assert dataset_rows(layout) == dict(sorted(DATASETS.items()))
    assert dataset_row(layout, "demo") is DATASETS["demo"]
    assert dataset_problems(layout) == {}


def test_every_field_of_an_own_file_arrives_and_what_is_left_out_is_careful(layout):
    write(layout, "small", "source: folder\narguments: {path: /photos/a}\n")
    write(
        layout,
        "my_town",
        """
        source: photographs
        arguments: {path: /photos, group: 3}
        description: Our town
        licence: CC BY 4.0
        redistributable: true
        max_quarantined: 0.2
        num_images: 5000
        num_places: 700
        cities: [Altstadt, Hafen]
        """,
    )
    rows = dataset_rows(layout)
    assert list(rows) == sorted([*DATASETS, "my_town", "small"])
    town = rows["my_town"]
    assert (town.source, town.arguments) == ("photographs", {"path": "/photos", "group": 3})
    assert (town.description, town.licence, town.redistributable) == ("Our town", "CC BY 4.0", True)
    assert (town.max_quarantined, town.num_images, town.num_places) == (0.2, 5000, 700)
    assert town.cities == ("Altstadt", "Hafen")
    small = dataset_row(layout, "small")
    assert not small.redistributable
    assert small.max_quarantined == 0.01
    assert "not stated" in small.licence
    assert str(layout.datasets() / "small.yaml") in small.description


def test_a_relative_path_in_a_file_is_relative_to_the_file(layout, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(layout, "near", "source: folder\narguments: {path: ../photos}\n")
    write(layout, "home", "source: folder\narguments: {path: ~/photos}\n")
    assert dataset_row(layout, "near").arguments == {"path": str(tmp_path / "data" / "photos")}
    assert dataset_row(layout, "home").arguments == {"path": str(tmp_path / "home" / "photos")}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a", "source: folder\nlicense: MIT\n", "Unknown setting 'license'. Did you mean 'licence'?"),
        ("a", "source: fodler\n", "Unknown source 'fodler'. Did you mean 'folder'?"),
        ("a", "description: no source\n", "source: it is missing"),
        ("a", "source: folder\nmax_quarantined: 3\n", "max_quarantined: found 3, expected 1.0 or less"),
        ("a", "source: folder\ncities: Rome\n", r"cities: found 'Rome', expected a list"),
        ("a", "source: folder\nnum_images: -1\n", "num_images: found -1, expected 0 or more"),
        ("a", "- source\n", "expected a mapping"),
        ("a", "source: [\n", "not readable as YAML"),
        ("demo", "source: folder\n", "'demo' in .*demo.yaml has the name of a shipped one"),
        ("My Town", "source: folder\n", "'My Town' cannot name a data set"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_when_it_is_asked_for_and_spoils_no_other(layout, name, text, words):
    write(layout, name, text)
    write(layout, "good", "source: demo\n")
    with pytest.raises(ConfigError, match=words):
        dataset_row(layout, name)
    assert list(dataset_rows(layout)) == sorted([*DATASETS, "good"])
    assert list(dataset_problems(layout)) == [name]
    assert dataset_row(layout, "good").source == "demo"


def test_an_unknown_name_gets_a_guess_and_the_place_where_own_ones_go(layout):
    write(layout, "my_town", "source: demo\n")
    with pytest.raises(ConfigError, match="Unknown data set 'my_twon'. Did you mean 'my_town'") as caught:
        dataset_row(layout, "my_twon")
    assert f"Own ones go to {layout.datasets()}/" in str(caught.value)
    assert "gsv-pipeline fetch NAME --source photographs path=" in str(caught.value)


def test_a_definition_is_written_whole_and_read_back(layout, tmp_path, monkeypatch):
    (tmp_path / "2024").mkdir()
    monkeypatch.chdir(tmp_path)
    arguments = {"path": 2024, "table": None, "cell_m": 25}  # the command line reads 2024 as a number
    path = define_dataset(layout, "my_town", source="photographs", arguments=arguments, licence="CC0")
    assert path == layout.datasets() / "my_town.yaml"
    row = dataset_row(layout, "my_town")
    assert row.arguments == {"path": str(tmp_path / "2024"), "cell_m": 25}
    assert (row.source, row.licence, row.redistributable) == ("photographs", "CC0", False)
    assert [item.name for item in layout.datasets().iterdir()] == ["my_town.yaml"]


def test_defining_again_keeps_what_a_person_wrote_and_touches_nothing_when_nothing_changed(layout):
    text = "# mine\nsource: folder\narguments:\n  path: /photos\nlicence: CC BY 4.0  # asked in May\n"
    path = write(layout, "my_town", text)
    define_dataset(layout, "my_town", source="folder", arguments={"path": "/photos"})
    assert path.read_text() == text
    define_dataset(layout, "my_town", source="photographs", arguments={"path": "/other", "group": 1})
    row = dataset_row(layout, "my_town")
    assert (row.source, row.arguments) == ("photographs", {"path": "/other", "group": 1})
    assert row.licence == "CC BY 4.0"


@pytest.mark.parametrize(
    "name", ["", "Town", "-town", "my town", "../town", "town.yaml", "town.previous", "demo", "täu"]
)
def test_names_that_could_not_be_folders_keys_or_clash_are_refused_before_anything_is_written(layout, name):
    with pytest.raises(ConfigError, match="cannot name a data set|has the name of a shipped one"):
        define_dataset(layout, name, source="folder", arguments={"path": "/photos"})
    with pytest.raises(ConfigError):
        check_name(layout, name)
    assert not layout.root.exists()


@pytest.mark.parametrize(
    ("source", "arguments", "more", "words"),
    [
        ("photo", {"path": "/p"}, {}, "Unknown source 'photo'. Did you mean 'photographs'?"),
        ("photographs", {"pth": "/p"}, {}, "unexpected argument 'pth'. Did you mean 'path'?"),
        ("photographs", {}, {}, "argument 'path' is missing"),
        ("photographs", {"path": "/p", "target": "/x"}, {}, "unexpected argument 'target'"),
        ("folder", {"path": "/p"}, {"num_image": 3}, "Unknown setting 'num_image'. Did you mean 'num_images'?"),
    ],
)
def test_a_definition_that_could_not_be_fetched_is_not_written(layout, source, arguments, more, words):
    with pytest.raises(ConfigError, match=words):
        define_dataset(layout, "my_town", source=source, arguments=arguments, **more)
    assert not layout.datasets().exists()


def test_a_data_root_that_cannot_hold_the_file_is_named_and_nothing_is_left(layout):
    layout.root.mkdir()
    (layout.root / "datasets").write_text("in the way")
    with pytest.raises(DataError, match=r"my_town.yaml cannot be written: .*Make .*datasets writable"):
        define_dataset(layout, "my_town", source="folder", arguments={"path": "/photos"})
    assert (layout.root / "datasets").read_text() == "in the way"


def test_what_is_written_is_plain_yaml(layout):
    assert "photographs" in SOURCES
    path = define_dataset(
        layout, "my_town", source="photographs", arguments={"path": "/photos/Zürich"}, cities=["Zürich"]
    )
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {
        "cities": ["Zürich"],
        "source": "photographs",
        "arguments": {"path": "/photos/Zürich"},
    }


def test_reading_definitions_imports_nothing_heavy():
    """Dagster reads them whenever it loads the code location."""
    program = (
        "import sys; from pathlib import Path; from gsv_pipeline.layout import Layout;"
        "from gsv_pipeline.sources.own import dataset_rows; dataset_rows(Layout(Path('/none')));"
        "print([name for name in ('numpy', 'pandas', 'PIL', 'torch', 'utm') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
