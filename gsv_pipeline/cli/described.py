"""All that is known of one name: a benchmark, a data set, an experiment, or a part of one."""

import inspect
from collections.abc import Mapping
from typing import Any

from gsv_pipeline.benchmarks import FOLDERS, BenchmarkRow
from gsv_pipeline.benchmarks.images import is_present
from gsv_pipeline.benchmarks.own import benchmark_row
from gsv_pipeline.benchmarks.rows import Counts, Result
from gsv_pipeline.config import experiment_files, load_experiment
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.registry import Registry
from gsv_pipeline.sources.own import dataset_row


def benchmark_lines(layout: Layout, name: str) -> list[str]:
    """The whole row of a benchmark, as lines for a terminal."""
    row = benchmark_row(layout, name)
    facts = {
        "what": row.description,
        "variant": row.variant,
        "protocol": row.protocol.words,
        "expected": _counts(row.expected),
        "licence": f"{row.licence} ({_passed_on(row.redistributable)})",
        "source": row.source,
        "images": "present" if is_present(layout, row) else "absent",
        **_how_to_get(layout, name, row),
        "published": "" if row.published else "nothing",
    }
    return [f"benchmark {name}", *_lines(facts), *_published(row.published)]


def dataset_lines(layout: Layout, name: str) -> list[str]:
    """A data set: what it is, its licence, and how to get it."""
    row = dataset_row(layout, name)
    about = {"images": row.num_images, "places": row.num_places, "cities": len(row.cities)}
    facts = {
        "what": row.description,
        "licence": f"{row.licence} ({_passed_on(row.redistributable)})",
        "expected": ", ".join(f"{count:,} {what}" for what, count in about.items() if count),
        "cities": ", ".join(row.cities),
        "here": "present" if (layout.dataset(name) / MANIFEST).is_file() else "absent",
        "fetched by": f"{row.source}{_settings(row.arguments)}",
        "how to get": row.how_to_get,
    }
    return [f"data set {name}", *_lines(facts)]


def experiment_lines(layout: Layout, name: str) -> list[str]:
    """An experiment: what it is made of, and the file that says it."""
    found = load_experiment(layout, name)
    parts = {"backbone": found.model.backbone, "aggregator": found.model.aggregator}
    if found.training is not None:
        training = found.training
        parts |= {"loss": training.loss, "miner": training.miner, "optimizer": training.optimizer}
    facts = {
        "what": found.description,
        "data set": found.dataset,
        **{kind: f"{part.name}{_settings(part.arguments)}" for kind, part in parts.items()},
        "defined in": str(experiment_files(layout)[name]),
        "every setting": f"gsv-pipeline check {name} --resolved",
    }
    return [f"experiment {name}", *_lines(facts)]


def part_lines(table: Registry[Any], name: str) -> list[str]:
    """A part of an experiment, with the arguments that it takes and their defaults."""
    builder = table[name]
    taken = [str(item) for item in inspect.signature(builder).parameters.values()]
    facts = {"what": (inspect.getdoc(builder) or "").partition("\n")[0], "takes": ", ".join(taken) or "nothing"}
    return [f"{table.kind} {name}", *_lines(facts)]


def _lines(facts: Mapping[str, str]) -> list[str]:
    return [f"  {name}: {text}" for name, text in facts.items() if text]


def _how_to_get(layout: Layout, name: str, row: BenchmarkRow) -> dict[str, str]:
    if row.takes == FOLDERS:
        return {"how to get": f"It is defined in {layout.benchmarks() / name}.yaml."}
    return {
        "data set": f"{row.dataset} (gsv-pipeline list {row.dataset})",
        "how to get": dataset_row(layout, row.dataset).how_to_get or f"gsv-pipeline fetch {row.dataset}",
        "read from": " or ".join(form.looks_like for form in row.forms),
        "make it": f"gsv-pipeline benchmark {name}",
    }


def _counts(counts: Counts) -> str:
    known = {"database images": counts.database, "queries": counts.queries, "positives": counts.positives}
    names = {"database images": "database"}
    told = [
        f"{'about ' * (names.get(what, what) in counts.about)}{count:,} {what}"
        for what, count in known.items()
        if count is not None
    ]
    by = f" ({counts.source})" if counts.source else ""
    return ", ".join(told) + by if told else "nobody has published counts"


def _published(results: tuple[Result, ...]) -> list[str]:
    """One line a result, in percent."""
    if not results:
        return []
    lines = []
    for item in results:
        recalls = ", ".join(f"R@{k} {round(100 * value, 2):g}" for k, value in sorted(item.recall_at.items()))
        size = f", {item.dimensions:,}-D" if item.dimensions else ""
        lines.append(f"    {recalls}: {item.model}{size} ({item.source})")
    return ["  published:", *lines]


def _passed_on(may_be: bool) -> str:
    return "reports that are passed on may show its images" if may_be else "no copies of its images in reports"


def _settings(arguments: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{name}={value}' for name, value in arguments.items())})" if arguments else ""
