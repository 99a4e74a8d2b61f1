"""Where an artifact came from."""

import json
import os
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

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


NUMBERS_DO_NOT_DEPEND_ON: dict[str, str] = {
    "click": "reads commands",
    "jinja2": "fills in pages",
    "matplotlib": "draws figures",
    "pydantic": "checks settings, which the manifest holds as they were read",
    "pyyaml": "reads settings, which the manifest holds as they were read",
    "rich": "prints tables",
    "tqdm": "draws bars",
}


def test_every_package_that_can_change_a_number_is_noted():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in project["dependencies"]}
    assert needed == {*provenance.PACKAGES} | {*NUMBERS_DO_NOT_DEPEND_ON}
    assert not {*provenance.PACKAGES} & {*NUMBERS_DO_NOT_DEPEND_ON}
    assert {name for name, _ in provenance.package_versions()} == {*provenance.PACKAGES}
