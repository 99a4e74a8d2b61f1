"""README and docs/: every command is read by its real command line, names what exists, and is typed by a test."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import click
import pytest

from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.config import experiment_files, load_experiment
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.sources import DATASETS
from tests.docs_commands import NOT_RUN, REPOSITORY, RUN_BY, Named, assert_all_run, is_form, named, to_type
from tests.pictures.pages import Typed, pages, steps_of, text_of, typed
from tests.pictures.reader import parse

READABLE = ("gsv-pipeline", "dagster", "dagster-webserver", "dvc", "make", "torchrun", "python")
COMMANDS = named()
NOWHERE = Layout(Path("nowhere"))
OWN = {
    kind: set(re.findall(rf"\bdata/{kind}/(\w+)\.yaml", "\n".join(map(text_of, pages()))))
    for kind in ("experiments", "benchmarks", "datasets")
}
"""Kind -> the names that pages have their reader define."""
KNOWN = {
    "experiment": OWN["experiments"] | set(experiment_files(NOWHERE)),
    "benchmark": OWN["benchmarks"] | set(BENCHMARKS),
    "dataset": OWN["datasets"] | set(DATASETS),
}
NAMES = {"experiments": "experiment", "first": "experiment", "second": "experiment", "benchmarks": "benchmark"}


@pytest.fixture(autouse=True)
def _a_run_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run.yaml` of docs/operations.md is there, and everything that the repository has."""
    for name in ("assets", "dagster.yaml", "docs", "gsv_pipeline", "tests", "workspace.yaml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "run.yaml").touch()
    monkeypatch.chdir(tmp_path)


def names_in(context: click.Context) -> Iterator[tuple[str, str]]:
    """Kind and name of every experiment, benchmark and data set among the arguments."""
    for parameter, value in context.params.items():
        kind = NAMES.get(parameter, parameter)
        if kind in KNOWN and value:
            yield from ((kind, name) for name in ([value] if isinstance(value, str) else value))


def read(one: Named) -> None:
    """By its command line; what it names has to exist."""
    for context in parse(Typed(one.text, None), whole=not one.is_inline):
        for kind, name in names_in(context):
            assert is_form(name) or name in KNOWN[kind], f"{one.page}: no {kind} '{name}' in '{one.text}'"
        if context.params.get("experiment") in experiment_files(NOWHERE) and "overrides" in context.params:
            load_experiment(NOWHERE, context.params["experiment"], tuple(context.params["overrides"] or ()))


def test_every_command_is_read_by_its_command_line_and_names_what_exists() -> None:
    assert len(COMMANDS) > 150
    for one in dict.fromkeys(COMMANDS):
        if one.text.split()[0] in READABLE and "<" not in one.text:
            read(one)
        else:
            assert one.excused or one.runner or one.is_inline, f"{one.page}: '{one.text}'"


def test_jobs_and_partitions_that_are_named_exist() -> None:
    from assets.definitions import defs

    jobs = {job for one in COMMANDS for job in re.findall(r"^dagster job .* -j (\w+)", one.text)}
    assert jobs == {"demo", "rebenchmark", "revalidate", "train"}
    for job in jobs:
        assert defs.resolve_job_def(job)
    partitions = {name for one in COMMANDS for name in re.findall(r'"dagster/partition": "(\w+)"', one.text)}
    assert partitions
    assert partitions <= KNOWN["experiment"]


def test_every_command_is_given_to_one_test_or_has_its_reason() -> None:
    nobody = [f"{one.page}: {one.text}" for one in to_type() if one.runner is None]
    assert nobody == []
    for pattern, reason in NOT_RUN.items():
        assert len(reason) > 5
        assert any(fnmatchcase(one.text, pattern) for one in COMMANDS), f"no page has '{pattern}' any more"
        for file, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", reason):
            assert not name or name in _tests(REPOSITORY / file), f"{file} has no {name}"
            assert (REPOSITORY / file).is_file(), file


def test_the_tests_that_type_commands_assert_that_they_typed_all_of_them() -> None:
    wanted = {(one.page, one.runner) for one in to_type()}
    assert wanted == {(page, file) for page, table in RUN_BY.items() for file in table.values()}
    for page, file in sorted(wanted, key=str):
        asserting = [name for name, test in _tests(REPOSITORY / str(file)).items() if _asserts(test)]
        assert asserting, f"{file} does not assert that it typed all of {page}"


def _tests(file: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"}


def _asserts(test: ast.FunctionDef) -> bool:
    called = [node for node in ast.walk(test) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return any(node.func.id == assert_all_run.__name__ for node in called if isinstance(node.func, ast.Name))


def test_a_command_that_was_left_out_is_told() -> None:
    file = REPOSITORY / RUN_BY["gsv_cities.md"]["*"]
    everything = [one.text for one in to_type() if one.page == "gsv_cities.md"]
    assert_all_run("gsv_cities.md", everything, by=str(file))
    with pytest.raises(AssertionError, match="fetch gsv_cities"):
        assert_all_run("gsv_cities.md", everything[:1], by=str(file))


@pytest.mark.parametrize("language", ["shell", "zsh", "Bash", "", "console title"])
def test_a_block_in_a_language_that_nobody_reads_is_refused(language: str) -> None:
    with pytest.raises(ValueError, match="known languages: bash, sh, console"):
        steps_of(f"Text\n\n```{language}\ngsv-pipeline nonsense\n```\n")


@pytest.mark.parametrize("language", ["bash", "sh"])
@pytest.mark.parametrize("fence", ["```", "~~~", "  ```"])
def test_the_commands_of_a_block_are_found_however_it_is_fenced(language: str, fence: str) -> None:
    (step,) = steps_of(f"{fence}{language}\n# why\nmake demo  # minutes\ntar -c \\\n  data\n{fence}\n")
    assert [one.text for one in typed(step)] == ["make demo", "tar -c    data"]


@pytest.mark.parametrize(
    "text",
    [
        "gsv-pipeline nonsense",
        "gsv-pipeline train demo --replac",
        "gsv-pipeline train demoo",
        "gsv-pipeline train demo training.epoch=3",
        "gsv-pipeline evaluate nordlandia --experiment demo",
        "gsv-pipeline fetch gsv_city",
        "dagster job launchh",
        "dagster schedule start --nonsense",
        "dvc repo",
        "dvc remote add -z storage /mnt",
        "make dem",
        "torchrun --nproc 2 -m gsv_pipeline.cli trian demo",
        "torchrun --nnodez 2 -m gsv_pipeline.cli train demo",
        "python -m tests.pictured",
    ],
)
def test_what_does_not_exist_is_seen(text: str) -> None:
    assert text.split()[0] in READABLE
    with pytest.raises((AssertionError, ValueError, click.UsageError, SystemExit, ConfigError)):
        read(Named("page.md", text, is_inline=True))
