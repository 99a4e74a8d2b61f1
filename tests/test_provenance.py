"""Where an artifact came from."""

import json
import os
import subprocess
from importlib import metadata

import pytest

import gsv_pipeline
from gsv_pipeline import provenance


@pytest.fixture(autouse=True)
def _forget():
    provenance.code_version.cache_clear()
    provenance.package_versions.cache_clear()
    yield
    provenance.code_version.cache_clear()
    provenance.package_versions.cache_clear()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one commit that gsv_pipeline seems to run from."""
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    module = tmp_path / "gsv_pipeline" / "__init__.py"
    module.parent.mkdir()
    module.write_text("")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, env={**os.environ, **identity})
    monkeypatch.setattr(gsv_pipeline, "__file__", str(module))
    return module


def test_provenance_is_plain_values_with_versions():
    found = provenance.provenance()
    assert json.loads(json.dumps(found)) == found
    assert found["gsv_pipeline"] == gsv_pipeline.__version__
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["cpus"] >= 1


def test_a_clean_checkout_is_its_commit_and_a_changed_one_says_so(checkout):
    clean = provenance.code_version()
    assert len(clean) == 12
    provenance.code_version.cache_clear()
    checkout.write_text("changed = True\n")
    assert provenance.code_version() == f"{clean}+changes"


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(gsv_pipeline, "__file__", str(tmp_path / "gsv_pipeline" / "__init__.py"))
    assert provenance.code_version() == ""


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.code_version() == ""


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "surely-not-installed"))
    assert [name for name, _ in provenance.package_versions()] == ["numpy"]
