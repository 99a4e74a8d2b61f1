"""Data sets: where they are taken from, how a name is defined, and what a fetch never replaces."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline import stages
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.fetching import plan_fetch
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources.own import dataset_rows
from tests.tiny import TINY_CITY
from tests.trackers import TRACKER


def test_a_default_that_is_spelt_out_is_no_change(tiny_layout: Layout) -> None:
    assert stages.fetch_dataset(tiny_layout, "demo", tracker=TRACKER, arguments={**TINY_CITY, "seed": 1}).cached


def test_a_folder_source_is_used_where_it_lies(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    original = tiny_demo / "dataset" / "demo"
    where = {"source": "folder", "arguments": {"path": str(original)}}
    stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER, **where)
    result = stages.build_catalog(layout, "gsv_cities", tracker=TRACKER)
    assert len(result.metadata["cities"]) == 5
    assert not list((tmp_path / "data").rglob("*.JPG"))
    assert stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER).cached
    assert stages.fetch_dataset(layout, "gsv_cities", tracker=TRACKER, **where).cached


def test_a_copy_that_changed_where_it_lies_is_another_version(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_demo / "dataset" / "demo", copy)
    first = stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": str(copy)})
    stages.build_catalog(layout, "mine", tracker=TRACKER)
    sorted((copy / "Images").rglob("*.JPG"))[0].unlink()
    again = stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    assert not again.cached
    assert again.data_version != first.data_version
    assert stages.build_catalog(layout, "mine", tracker=TRACKER).metadata["quarantined"] == 1


def test_a_copy_that_moved_is_fetched_from_where_it_is_now(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    shutil.copytree(tiny_demo / "dataset" / "demo", tmp_path / "old")
    first = stages.fetch_dataset(
        layout, "mine", tracker=TRACKER, source="folder", arguments={"path": str(tmp_path / "old")}
    )
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(DataError, match="fetch the data set from where it is now"):
        stages.build_catalog(layout, "mine", tracker=TRACKER)
    again = stages.fetch_dataset(layout, "mine", tracker=TRACKER, arguments={"path": str(tmp_path / "new")})
    assert again.data_version == first.data_version
    assert dataset_rows(layout)["mine"].arguments["path"] == str(tmp_path / "new")
    assert stages.build_catalog(layout, "mine", tracker=TRACKER).metadata["sound"]


def test_a_new_name_with_a_source_defines_a_data_set_once_it_is_there(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    with pytest.raises(ConfigError, match="Unknown data set 'mine'"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    (tmp_path / "other").mkdir()
    wrong = {"path": str(tmp_path / "other")}
    with pytest.raises(DataError, match="is no copy of GSV-Cities"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments=wrong)
    assert "mine" not in dataset_rows(layout)
    path = str(tiny_demo / "dataset" / "demo")
    stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": path})
    assert dataset_rows(layout)["mine"].arguments["path"] == path


def test_a_definition_that_a_person_wrote_is_left_as_it_is(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.datasets().mkdir(parents=True)
    path = layout.datasets() / "mine.yaml"
    shutil.copytree(tiny_demo / "dataset" / "demo", layout.datasets() / "copy")
    path.write_text("# mine alone\nsource: folder\narguments: {path: copy}\n")
    before = path.read_text()
    stages.fetch_dataset(layout, "mine", tracker=TRACKER)
    stages.fetch_dataset(layout, "mine", tracker=TRACKER, force=True)
    assert path.read_text() == before


def test_a_broken_definition_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.datasets().mkdir(parents=True)
    (layout.datasets() / "mine.yaml").write_text("sauce: folder\n")
    with pytest.raises(ConfigError, match="Unknown setting 'sauce'. Did you mean 'source'"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, source="folder", arguments={"path": "/nowhere"})


def test_a_dataset_that_needs_something_from_the_user_says_what(tiny_layout: Layout) -> None:
    with pytest.raises(
        ConfigError, match=r"argument 'path' is missing.*gsv-pipeline fetch gsv_cities --source folder path="
    ):
        stages.fetch_dataset(tiny_layout, "gsv_cities", tracker=TRACKER, source="folder")
    with pytest.raises(ConfigError, match="Unknown source 'folders'. Did you mean 'folder'"):
        stages.fetch_dataset(tiny_layout, "gsv_cities", tracker=TRACKER, source="folders")
    with pytest.raises(ConfigError, match="unexpected argument 'sead'. Did you mean 'seed'"):
        stages.fetch_dataset(tiny_layout, "demo", tracker=TRACKER, arguments={"sead": 2})


def test_the_rendered_data_set_is_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Data set 'demo' is rendered. Give other images another name"):
        stages.fetch_dataset(
            Layout(tmp_path), "demo", tracker=TRACKER, source="folder", arguments={"path": str(tmp_path)}
        )


def test_secrets_of_an_address_are_kept_nowhere_and_asked_for_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    arguments = {"url": "https://me:secret@host.invalid/x.zip?sig=abc"}
    plan = plan_fetch(layout, "mine", source="archive", arguments=arguments)
    assert plan.arguments["url"] == arguments["url"]
    assert "secret" not in str(plan.config)
    assert "abc" not in str(plan.config)
    assert plan.definition == {}
    later = replace(plan, arguments=plan.config["arguments"])
    with pytest.raises(ConfigError, match="Give the address again: url="):
        later.run(tmp_path, downloads=tmp_path, tracker=TRACKER)


@pytest.mark.parametrize("source", ["folder", "photographs"])
@pytest.mark.parametrize("where", ["", "below", ".."])
def test_photographs_that_lie_where_the_data_set_will_be_are_never_replaced(
    tiny_demo: Path, tmp_path: Path, source: str, where: str
) -> None:
    layout = Layout(tmp_path / "data")
    shutil.copytree(tiny_demo / "dataset" / "demo", layout.dataset("mine") / "below")
    before = sorted(layout.root.rglob("*"))
    with pytest.raises(ConfigError, match="lies where the pipeline keeps what it fetches"):
        stages.fetch_dataset(
            layout, "mine", tracker=TRACKER, source=source, arguments={"path": str(layout.dataset("mine") / where)}
        )
    assert [path for path in sorted(layout.root.rglob("*")) if path.is_file()] == [p for p in before if p.is_file()]


def test_a_folder_that_the_pipeline_did_not_make_is_never_replaced(tiny_demo: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.dataset("mine").mkdir(parents=True)
    (layout.dataset("mine") / "notes.txt").write_text("mine")
    where = {"source": "folder", "arguments": {"path": str(tiny_demo / "dataset" / "demo")}}
    with pytest.raises(DataError, match=r"holds files that the pipeline did not make \(notes.txt\)"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, **where)
    assert (layout.dataset("mine") / "notes.txt").read_text() == "mine"
    shutil.rmtree(layout.dataset("mine"))
    (tmp_path / "disk").mkdir()
    layout.dataset("mine").symlink_to(tmp_path / "disk")
    with pytest.raises(DataError, match="is a link, and the pipeline replaces whole folders"):
        stages.fetch_dataset(layout, "mine", tracker=TRACKER, **where)
    assert layout.dataset("mine").is_symlink()
