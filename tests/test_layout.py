"""The data root is found in one order, and no two artifacts share a path."""

import os
from pathlib import Path

import pytest

from gsv_pipeline import layout as layout_module
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout

ARTIFACTS = (
    lambda layout: layout.dataset("demo"),
    lambda layout: layout.catalog("demo"),
    lambda layout: layout.places("demo"),
    lambda layout: layout.checkpoint("demo"),
    lambda layout: layout.training_state("demo"),
    lambda layout: layout.benchmark("demo_test"),
    lambda layout: layout.embeddings("demo_test", "demo"),
    lambda layout: layout.faiss_index("demo_test", "demo"),
    lambda layout: layout.recall_report("demo_test", "demo"),
    lambda layout: layout.baseline("demo_test", "thumbnail"),
    lambda layout: layout.leaderboard(),
    lambda layout: layout.match("demo"),
    lambda layout: layout.wandb(),
    lambda layout: layout.experiments(),
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a `workspace.yaml`, and the current directory two levels below it."""
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.delenv(layout_module.DATA_ROOT_VARIABLE, raising=False)
    return tmp_path


def test_an_argument_goes_before_the_variable_and_the_variable_before_the_project(project, monkeypatch):
    monkeypatch.setenv("GSV_DATA_ROOT", str(project / "variable"))
    assert Layout.find("argument").root == project / "a" / "b" / "argument"
    assert Layout.find().root == project / "variable"
    monkeypatch.delenv("GSV_DATA_ROOT")
    assert Layout.find().root == project / "data"


def test_an_empty_variable_counts_as_none(project, monkeypatch):
    monkeypatch.setenv("GSV_DATA_ROOT", "")
    assert Layout.find().root == project / "data"


def test_without_a_project_the_data_root_is_here(project):
    (project / "workspace.yaml").unlink()
    assert Layout.find().root == Path.cwd() / "data"


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Layout.find("~/photos").root == tmp_path / "photos"


def test_every_artifact_has_a_folder_of_its_own_below_the_root(tmp_path):
    layout = Layout(tmp_path)
    paths = [artifact(layout) for artifact in ARTIFACTS]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to(tmp_path) and path != tmp_path for path in paths)
    assert not any(a != b and a.is_relative_to(b) for a in paths for b in paths)


def test_what_lies_beside_an_artifact_is_no_artifact(tmp_path):
    layout = Layout(tmp_path)
    artifact = layout.embeddings("demo_test", "demo")
    beside = [layout.failure(artifact), layout.partial(artifact), layout.previous(artifact)]
    assert {path.parent for path in beside} == {artifact.parent}
    assert len({artifact, *beside}) == 4
    # A rename is atomic only inside one file system, so these may not lie elsewhere.


def test_a_key_is_the_path_below_the_root_and_names_one_lock(tmp_path):
    layout = Layout(tmp_path)
    keys = [layout.key(artifact(layout)) for artifact in ARTIFACTS]
    assert "embeddings/demo_test/demo" in keys
    locks = {layout.lock(artifact(layout)) for artifact in ARTIFACTS}
    assert len(locks) == len(ARTIFACTS)
    assert {path.parent for path in locks} == {tmp_path / ".locks"}


def test_the_data_root_is_made_with_its_parents(tmp_path):
    layout = Layout(tmp_path / "new" / "data")
    layout.ensure_root()
    layout.ensure_root()
    assert layout.root.is_dir()


def test_a_data_root_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/data cannot be created: Not a directory\. Choose another .*--data-root"):
        Layout(tmp_path / "file" / "data").ensure_root()


def test_a_read_only_data_root_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(DataError, match=r"is read-only for this user\. Make it writable.*GSV_DATA_ROOT"):
        Layout(tmp_path).ensure_root()
