"""Accepting recalls, the gate over them, comparing experiments: what a person decides about reports that are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsv_pipeline import compose, recipes
from gsv_pipeline.config import Experiment, load_experiment
from gsv_pipeline.errors import ConfigError, DataError, InputError, StaleInputError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import read_manifest, require

if TYPE_CHECKING:
    from gsv_pipeline.evaluation.accepted import Judgement
    from gsv_pipeline.evaluation.comparison import Comparison


@dataclass(frozen=True, slots=True)
class AcceptedFile:
    """A recall that was accepted just now.

    Args:
        benchmark: On what.
        path: The record, to be committed.
        recall: R@1, as a fraction.
        before: R@1 that was accepted before; None the first time.
    """

    benchmark: str
    path: Path
    recall: float
    before: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """An accepted recall, and what the gate says of the report that is there now.

    Args:
        experiment: Whose.
        benchmark: On what.
        accepted: R@1 that was accepted, as a fraction; None where the record cannot be read.
        recall: R@1 of now; None where the gate could not judge.
        tolerance: Largest loss of R@1 that passes, as a fraction; None: as much as chance explains.
        judgement: What the gate says; None where it could not judge.
        hindrance: Why it could not.
    """

    experiment: str
    benchmark: str
    accepted: float | None
    recall: float | None
    tolerance: float | None
    judgement: "Judgement | None"
    hindrance: str = ""

    @property
    def verdict(self) -> str:
        """`passes`, `worse`, `changed` (the benchmark is another one) or `not judged`."""
        if self.judgement is None:
            return "not judged"
        if self.judgement.passed:
            return "passes"
        return "worse" if self.judgement.comparison else "changed"


def accept(
    layout: Layout,
    experiment: Experiment,
    *,
    benchmarks: Sequence[str] = (),
    reason: str,
    tolerance: float | None = None,
) -> list[AcceptedFile]:
    """Call the experiment's recalls good: later reports that are worse than these fail their check.

    Args:
        layout: Where things live.
        experiment: Whose recalls.
        benchmarks: Which; empty: every one with a report that is up to date.
        reason: Why, for whoever reads the record.
        tolerance: Largest loss of R@1 that passes, as a fraction; None: what the paired comparison calls `worse` fails.

    Raises:
        ConfigError: No reason.
        StaleInputError: A report is missing or out of date.
    """
    from gsv_pipeline.evaluation.accepted import load_accepted, save_accepted

    if not reason.strip():
        raise ConfigError("--reason is empty. Say why these recalls are good, for whoever reads the record later.")
    names = list(benchmarks) or [report.benchmark for report in compose.reports_of(layout, experiment)]
    if not names:
        command = f"gsv-pipeline evaluate BENCHMARK --experiment {experiment.name}{experiment.settings}"
        raise StaleInputError(
            f"No recall report of '{experiment.name}' is up to date, so there is nothing to accept. Run: {command}",
            {"run": command},
        )
    records = [_record(layout, experiment, name, reason=reason.strip(), tolerance=tolerance) for name in names]
    done = []
    for record in records:
        path = layout.accepted(record.benchmark, experiment.name)
        before = load_accepted(path)
        save_accepted(path, record)
        done.append(
            AcceptedFile(record.benchmark, path, record.recall_at["1"], before.recall_at["1"] if before else None)
        )
    return done


def accepted_experiments(layout: Layout) -> list[str]:
    """Experiments of which a recall was accepted on any benchmark, sorted."""
    return sorted({experiment for experiment, _ in accepted_reports(layout)})


def accepted_reports(layout: Layout) -> list[tuple[str, str]]:
    """Experiment and benchmark of every recall that was accepted, sorted."""
    paths = layout.root.glob(layout.key(layout.accepted("*", "*")))
    return sorted((path.stem, path.parent.name) for path in paths)


def judge_report(layout: Layout, experiment: Experiment, benchmark: str) -> "Judgement | None":
    """Compare the report on disk with what was accepted; None where nothing was.

    Raises:
        DataError: The record or the report is damaged.
        StaleInputError: The report is missing or out of date.
    """
    found = judged_report(layout, experiment, benchmark)
    return found.judgement if found else None


def judged_report(layout: Layout, experiment: Experiment, benchmark: str) -> Judged | None:
    """What `judge_report` says, with the recalls that it compared.

    Raises:
        DataError: The record or the report is damaged.
        StaleInputError: The report is missing or out of date.
    """
    from gsv_pipeline.evaluation.accepted import judge, load_accepted
    from gsv_pipeline.evaluation.outcomes import load_outcomes

    accepted = load_accepted(layout.accepted(benchmark, experiment.name))
    if accepted is None:
        return None
    require(layout, recipes.recall_report(layout, experiment, benchmark))
    outcomes = load_outcomes(layout.recall_report(benchmark, experiment.name))
    version = _benchmark_version(layout, benchmark)
    return Judged(
        experiment=experiment.name,
        benchmark=benchmark,
        accepted=accepted.recall_at["1"],
        recall=float((outcomes.ranks < 1).mean()),
        tolerance=accepted.tolerance,
        judgement=judge(accepted, outcomes.ranks, outcomes.places, benchmark_version=version),
    )


def judge_accepted(layout: Layout, experiments: Sequence[str] = (), *, overrides: Sequence[str] = ()) -> list[Judged]:
    """What the gate says of every accepted recall; one that it cannot judge is no reason to leave out the others.

    Args:
        layout: Where things live.
        experiments: Of these; empty: of all.
        overrides: `key=value` settings that their reports were made with.

    Raises:
        ConfigError: An experiment that is asked for is unknown, or nothing of it, or nothing at all, was accepted.
    """
    known = accepted_reports(layout)
    for name in experiments:
        load_experiment(layout, name, overrides)  # what is asked for by name is refused aloud
        if name not in accepted_experiments(layout):
            raise ConfigError(
                f"No recall of '{name}' was accepted, so there is nothing to judge. Once one is good, run: "
                f"gsv-pipeline accept {name} --reason …"
            )
    if not known:
        raise ConfigError(
            f"No recall was accepted in {layout.root}, so there is nothing to judge. Once one is good, run: "
            "gsv-pipeline accept EXPERIMENT --reason …"
        )
    wanted = set(experiments or accepted_experiments(layout))
    return [_judged(layout, name, benchmark, overrides) for name, benchmark in known if name in wanted]


def _judged(layout: Layout, name: str, benchmark: str, overrides: Sequence[str]) -> Judged:
    """The judgement, or why there is none."""
    try:
        found = judged_report(layout, load_experiment(layout, name, overrides), benchmark)
        hindrance = "its record was removed just now"
    except InputError as error:
        found, hindrance = None, str(error)
    return found or _unjudged(layout, name, benchmark, hindrance)


def _unjudged(layout: Layout, name: str, benchmark: str, hindrance: str) -> Judged:
    from gsv_pipeline.evaluation.accepted import load_accepted

    try:
        record = load_accepted(layout.accepted(benchmark, name))
    except DataError:
        record = None  # the hindrance says so
    accepted, tolerance = (record.recall_at["1"], record.tolerance) if record else (None, None)
    return Judged(name, benchmark, accepted, None, tolerance, None, hindrance)


def compare_experiments(
    layout: Layout, first: Experiment, second: Experiment, benchmark: str, *, ks: Sequence[int] = (1, 5, 10)
) -> "Mapping[int, Comparison]":
    """The paired comparison of two experiments on one benchmark, for each K.

    Raises:
        ConfigError: They were not asked the same queries.
        StaleInputError: A report is missing or out of date.
    """
    from gsv_pipeline.evaluation.outcomes import compare_outcomes, load_outcomes

    found = []
    for experiment in (first, second):
        require(layout, recipes.recall_report(layout, experiment, benchmark))
        found.append(load_outcomes(layout.recall_report(benchmark, experiment.name)))
    comparisons = {k: compare_outcomes(*found, k=k) for k in ks}
    if any(comparison is None for comparison in comparisons.values()):
        raise ConfigError(
            f"'{first.name}' and '{second.name}' were not asked the same queries of '{benchmark}' "
            f"({len(found[0].queries)} and {len(found[1].queries)}), so they cannot be compared query by query."
        )
    return {k: comparison for k, comparison in comparisons.items() if comparison is not None}


def _record(layout: Layout, experiment: Experiment, benchmark: str, *, reason: str, tolerance: float | None) -> Any:
    from gsv_pipeline.evaluation.accepted import Accepted, pack_ranks
    from gsv_pipeline.evaluation.outcomes import load_outcomes
    from gsv_pipeline.evaluation.score import load_score

    recipe = recipes.recall_report(layout, experiment, benchmark)
    made = require(layout, recipe).provenance
    score, outcomes = load_score(recipe.path), load_outcomes(recipe.path)
    return Accepted(
        experiment=experiment.name,
        benchmark=benchmark,
        benchmark_version=_benchmark_version(layout, benchmark),
        queries=len(outcomes.queries),
        recall_at={str(k): round(score.recall_at[k], 6) for k in (1, 5, 10, 20)},
        ranks=pack_ranks(outcomes.ranks),
        reason=reason,
        accepted=datetime.now(UTC).isoformat(timespec="seconds"),
        origin={
            "inputs": compose.input_versions(layout, recipe),
            "code": made.get("git") or made.get("gsv_pipeline", ""),
            "packages": made.get("packages", {}),
        },
        tolerance=tolerance,
    )


def _benchmark_version(layout: Layout, benchmark: str) -> str:
    manifest = read_manifest(layout.benchmark(benchmark))
    return manifest.data_version if manifest else ""
