"""Which test types each command of README and of docs/, and which commands no test types, with the reason."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from tests.pictures.pages import DOCS, README, all_typed, inline, pages

REPOSITORY: Final = DOCS.parent

RUN_BY: Final[Mapping[str, Mapping[str, str]]] = {
    README: {"*": "tests/test_readme_commands.py"},
    "add_an_aggregator.md": {"*": "tests/test_docs_add_an_aggregator.py"},
    "benchmarks.md": {"*": "tests/test_docs_benchmarks.py"},
    "data_versions.md": {"*": "tests/data_versions/test_docs_data_versions.py"},
    "evaluate_model.ipynb": {"*": "tests/test_docs_evaluate_model.py"},
    "evaluate_released_weights.md": {"*": "tests/test_docs_evaluate_released_weights.py"},
    "experiments.md": {"*": "tests/test_docs_experiments.py"},
    "filter_places.md": {"*": "tests/test_docs_filter_places.py"},
    "gsv_cities.md": {"*": "tests/test_docs_gsv_cities.py"},
    "operations.md": {
        "gsv-pipeline *": "tests/test_docs_operations.py",
        "tar *": "tests/test_docs_operations.py",
        "python docs/operations/forget_runs.py *": "tests/test_docs_forget_runs.py",
        "*": "tests/test_docs_operations_services.py",
    },
    "pipeline.md": {"*": "tests/test_docs_pipeline.py"},
    "your_own_photographs.md": {"*": "tests/test_docs_own_photographs.py"},
}
"""Page -> pattern -> the test file that types what matches, and says so by `assert_all_run`; the first match counts."""

_KILLED: Final = "tests/orchestration/test_training_child.py"
NOT_RUN: Final[Mapping[str, str]] = {
    "make demo*": "minutes; tests/orchestration/test_demo_job.py::test_one_run_walks_the_whole_chain runs its job",
    "make ui": "never ends; tests/e2e/test_dagster_ui.py::"
    "test_an_asset_is_materialized_a_failed_check_is_seen_and_the_pictures_of_the_pages_are_taken "
    "starts the same server",
    "make serve": "never ends, nor does it with READ_ONLY=1, where tests/test_docs_operations_services.py types it",
    "make test": "the whole suite, by .ci/run",
    "make check": "the whole repository, by .ci/run",
    "make format": "changes the working tree",
    "make install": "installs packages from an index",
    "make bench*": "a quarter of an hour to an hour; a quiet machine",
    "gsv-pipeline fetch gsv_cities": "22 GB from Kaggle; by a server on loopback in "
    "tests/sources/test_kaggle.py::test_a_wrapped_archive_arrives_whole_without_credentials",
    "gsv-pipeline fetch gsv_cities_light": "1.2 GB from GitHub; "
    "tests/sources/test_archive.py::test_the_light_release_is_a_preset_of_this_source",
    "gsv-pipeline fetch sped": "a download; by a server on loopback in "
    "tests/sources/test_benchmark_images.py::"
    "test_a_set_at_an_open_address_is_downloaded_resumed_proven_and_unpacked",
    "gsv-pipeline reproduce *": "runs a whole chain; "
    "tests/reproduction/test_reproduction.py::test_the_command_says_whether_the_numbers_agree",
    "gsv-pipeline compare demo*": "needs the full demo: no settings make it tiny; "
    "tests/test_docs_evaluate_released_weights.py types it for two other experiments",
    "torchrun * train *": "several processes; "
    "tests/e2e/test_torchrun.py::test_two_processes_make_the_checkpoint_of_one_and_speak_with_one_voice",
    "torchrun * embed *": "several processes; "
    "tests/embeddings/test_interrupted.py::test_two_processes_write_the_bytes_of_one_and_go_on_where_one_was",
    "dagster job execute * -j demo": "minutes; "
    "tests/orchestration/test_demo_job.py::test_one_run_walks_the_whole_chain runs the job",
    "dagster job execute * -j train *": f"the published recipe, or two processes; {_KILLED}::"
    "test_two_processes_train_as_one_and_one_of_them_speaks runs the job",
    "dagster job execute * -j rebenchmark *": "minutes; tests/orchestration/test_automation.py::"
    "test_a_benchmark_again_makes_everything_after_the_checkpoint_and_compares_the_answers runs the job",
    "dagster job execute * -j revalidate": "a minute; "
    "tests/orchestration/test_automation.py::test_every_data_set_that_is_there_is_decoded_in_full runs the job",
    "dagster run *": "forgets runs, and the page says to type something else",
    "dagster-webserver *": "never ends; tests/test_docs_operations_services.py::"
    "test_make_serve_shows_without_letting_anyone_act_on_loopback_alone_and_ends_as_a_whole starts the same server",
    "dvc repro": "tests/e2e/test_dvc.py::"
    "test_a_fresh_clone_runs_the_reference_run_once_and_shows_its_recall_and_its_curves types it",
    "dvc metrics show": "tests/e2e/test_dvc.py::"
    "test_a_fresh_clone_runs_the_reference_run_once_and_shows_its_recall_and_its_curves types it",
    "dvc plots show": "tests/e2e/test_dvc.py::"
    "test_a_fresh_clone_runs_the_reference_run_once_and_shows_its_recall_and_its_curves types it",
    "dvc exp run -S*": "tests/e2e/test_dvc.py::"
    "test_an_experiment_with_another_setting_runs_and_shows_what_it_changed types it",
    "dvc remote modify *": "needs a server of S3; tests/data_versions/test_push.py has one on loopback",
    "python -m tests.pictures": "minutes; tests/test_docs_filter_places.py::"
    "test_the_script_finds_what_it_takes_pictures_of takes them too",
    "python -m tests.pictures notebook": "needs the full demo; tests/test_docs_evaluate_model.py::"
    "test_executing_again_stores_outputs_of_the_same_kinds runs it over the tiny one",
    "python -m tests.perf.gpu": "a GPU; tests/training/test_gpu_bench.py::"
    "test_it_reads_and_describes_where_only_what_it_names_is_installed runs it on a CPU",
    "curl *": "a download; tests/test_docs_evaluate_released_weights.py::"
    "test_the_downloads_of_the_page_are_those_of_every_shipped_experiment compares the address",
    "mkdir *": "moves what was downloaded into the reader's home",
    "sudo *": "systemd; tests/test_docs_operations_services.py::"
    "test_systemd_takes_the_unit_and_it_starts_what_make_serve_starts has it read the units",
    "journalctl *": "systemd",
    "git pull": "whatever was published since",
    ". .venv/bin/activate": "sets the reader's shell only",
    "export DAGSTER_HOME=$PWD": "sets the reader's shell only",
}
"""Pattern of commands that no test types as they stand in a page -> why not, and which test does the same."""


@dataclass(frozen=True, slots=True)
class Named:
    """A command of a page.

    Args:
        page: As `pages()` names it.
        text: Without its comment.
        is_inline: Whether it stands in a sentence, which may name a command without all of its arguments.
    """

    page: str
    text: str
    is_inline: bool

    @property
    def excused(self) -> str | None:
        """The pattern of NOT_RUN that matches."""
        return next((pattern for pattern in NOT_RUN if fnmatchcase(self.text, pattern)), None)

    @property
    def runner(self) -> str | None:
        """The test file that has to type it."""
        table = RUN_BY.get(self.page, {})
        return next((file for pattern, file in table.items() if fnmatchcase(self.text, pattern)), None)

    @property
    def beginning(self) -> str:
        """What stands before the first word that the reader is to replace: `NAME`, `<stage>`, `path=…`."""
        words = self.text.split(" ")
        return " ".join(words[: next((at for at, word in enumerate(words) if is_form(word)), len(words))])


def named() -> list[Named]:
    """Every command of README and of docs/, in the order of the pages."""
    return [
        Named(page, one.text, is_inline=is_inline)
        for page in pages()
        for is_inline, found in ((False, all_typed(page)), (True, inline(page)))
        for one in found
    ]


def to_type() -> Iterator[Named]:
    """The commands that a test has to type: those of blocks, and those of sentences that begin no block."""
    everything = named()
    blocks = [one for one in everything if not one.is_inline]
    for one in everything:
        begins = one.is_inline and any(f"{block.text} ".startswith(f"{one.beginning} ") for block in blocks)
        if one.excused is None and not begins:
            yield one


def assert_all_run(page: str, ran: Iterable[str], *, by: str) -> None:
    """Nothing of a page that RUN_BY gives to the test file `by` was left out of `ran`, the commands that it typed."""
    file = Path(by).relative_to(REPOSITORY).as_posix()
    expected = [one.text for one in to_type() if one.page == page and one.runner == file]
    assert expected, f"{file} types nothing of {page}"
    done = set(ran)
    left_out = [text for text in expected if text not in done]
    assert not left_out, f"{file} does not type {left_out} of {page}"


def is_form(word: str) -> bool:
    """Whether the reader is to write something else in its place."""
    return "…" in word or "<" in word or (word.isupper() and "=" not in word)
