"""What installing does and does not do."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = {
    requirement.name: requirement
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, group)
    if requirement.name != "gsv-pipeline"
}


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_an_installed_pair_and_its_successors_satisfy_the_range(name: str) -> None:
    specifier = REQUIREMENTS[name].specifier
    assert specifier.contains(metadata.version(name).split("+")[0])
    assert specifier.contains("9.0")
    assert not any(clause.operator in ("==", "~=", "<", "<=") for clause in specifier)


def test_every_requirement_admits_what_is_installed() -> None:
    assert len(REQUIREMENTS) > 20
    for name, requirement in REQUIREMENTS.items():
        assert requirement.specifier.contains(metadata.version(name), prereleases=True), name


def test_the_pin_without_which_dvc_breaks_dagster_is_there() -> None:
    assert REQUIREMENTS["hydra-core"].specifier.contains("1.4.0rc3", prereleases=True)
    assert not REQUIREMENTS["hydra-core"].specifier.contains("1.3.8")


def test_the_makefile_installs_the_pair_the_tests_run_with_and_lets_the_reader_choose() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "TORCH_INDEX" in makefile
    line = next(line for line in makefile.splitlines() if line.startswith("TORCH_PACKAGES"))
    for requirement in map(Requirement, line.split("?=")[1].split()):
        assert REQUIREMENTS[requirement.name].specifier.contains(str(next(iter(requirement.specifier)).version))
