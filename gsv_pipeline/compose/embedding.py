"""The descriptors of a benchmark as an artifact: described by one process or several, and put in place."""

import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsv_pipeline import recipes
from gsv_pipeline.compose.extraction import describe_side
from gsv_pipeline.compose.models import load_model
from gsv_pipeline.compose.runs import describe_run, run_facts
from gsv_pipeline.config import Experiment
from gsv_pipeline.embeddings import PRECISION
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.shards import Shard
from gsv_pipeline.errors import BrokenImageError, DataError
from gsv_pipeline.hardware import choose_device, choose_precision
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, fingerprint, why_stale
from gsv_pipeline.production import Output
from gsv_pipeline.tracking import NullTracker, Tracker

if TYPE_CHECKING:
    from torch import nn

    from gsv_pipeline.embeddings.work import Extraction
    from gsv_pipeline.training.processes import Processes

SIDES = ("database", "queries")
LOGGED: Final = ("images_per_s", "megabytes", "batch_size", "broken_images")


@dataclass(slots=True)
class _Clock:
    """Seconds spent describing: from where the model is at hand, so that neither imports nor loading it count.

    Args:
        seconds: Of all sides so far.
        started: When the side that is under way had its model; None where nothing of it is left to describe.
    """

    seconds: float = 0.0
    started: float | None = None

    def starting(self, load: "Callable[[], nn.Module]") -> "Callable[[], nn.Module]":
        """`load`, after which the clock runs."""

        def loaded() -> "nn.Module":
            model = load()
            self.started = time.perf_counter()
            return model

        return loaded

    @contextmanager
    def one_side(self) -> Iterator[None]:
        """Stops after a side, where it was started."""
        yield
        if self.started is not None:
            self.seconds += time.perf_counter() - self.started
            self.started = None


def settled_options(options: ExtractionOptions, processes: "Processes") -> ExtractionOptions:
    """The options of this process, with what `auto` means on its device.

    Raises:
        ConfigError: fp16 where there is no GPU.
    """
    # Asking for the device costs an import of torch, which a run that finds everything fresh can do without.
    asked = options.precision
    settled = asked if asked == PRECISION else choose_precision(asked, choose_device())
    return replace(options, precision=settled, shard=Shard(processes.rank, processes.size))


def embeddings_recipe(layout: Layout, experiment: Experiment, benchmark: str, *, options: ExtractionOptions) -> Recipe:
    """The recipe of descriptors as they are asked for. Complete ones will do where broken images may be left out."""
    recipe = partial(recipes.embeddings_of, layout, experiment, benchmark, precision=options.precision)
    whole = recipe(skip_broken=False)
    return whole if not options.skip_broken or why_stale(layout, whole) is None else recipe(skip_broken=True)


def write_embeddings(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    target: Path,
    *,
    options: ExtractionOptions,
    processes: "Processes",
    tracker: Tracker,
) -> Output:
    """Describe both sides together with the other processes, check them and put them into `target`.

    Raises:
        DataError: An image that cannot be read, unless `options.skip_broken`.
        RunError: Descriptors that no search can use.
    """
    from gsv_pipeline.embeddings import store

    _clear_others(layout, experiment, benchmark, options)
    processes.begin()
    work_folder = _work_folder(layout, experiment, benchmark, options)
    was_begun = work_folder.is_dir() and any(work_folder.iterdir())
    clock = _Clock()
    try:
        works = _describe(
            layout, experiment, benchmark, options=options, processes=processes, tracker=tracker, clock=clock
        )
    except BrokenImageError as error:
        raise DataError(f"{error} To go on without such images: --skip-broken.", error.details) from error
    names = _names(layout, experiment, benchmark)
    facts: dict[str, Any] = {}
    for side, work in works.items():
        descriptors = store.load_descriptors(work.path)
        missing = list(work.broken)
        store.check_descriptors(descriptors, rows=work.rows, what=f"{benchmark} {side}", missing=missing)
        _put(work.path, target / work.path.name)
        facts[side] = list(descriptors.shape)
    broken = {side: work.broken for side, work in works.items()}
    store.save_broken(target, broken, names)
    facts |= _costs(works, broken, options)
    # What an interrupted run had done already would be counted as done in no time.
    if clock.seconds and not was_begun:
        facts["images_per_s"] = round(sum(work.rows for work in works.values()) / clock.seconds, 1)
    recipe = embeddings_recipe(layout, experiment, benchmark, options=options)
    return Output({**facts, **_log(layout, experiment, benchmark, recipe=recipe, facts=facts, tracker=tracker)})


def assist_embedding(
    layout: Layout, experiment: Experiment, benchmark: str, *, options: ExtractionOptions, processes: "Processes"
) -> None:
    """In a process that is not the first: describe its share."""
    _describe(
        layout, experiment, benchmark, options=options, processes=processes, tracker=NullTracker(), clock=_Clock()
    )


def clear_extraction(layout: Layout, artifact: Path) -> None:
    """Remove what an artifact was made of, once it is in place."""
    shutil.rmtree(layout.extraction(artifact), ignore_errors=True)


def _log(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    recipe: Recipe,
    facts: Mapping[str, Any],
    tracker: Tracker,
) -> dict[str, str]:
    """What it cost to the trackers, W&B among them; which run that was."""
    from gsv_pipeline.tracking.wandb_run import wandb_run

    run_id = f"embed-{fingerprint(layout, recipe)}"
    description = describe_run(
        layout, experiment, recipe, run_id=run_id, job_type="embed", precision=facts["precision"]
    )
    with wandb_run(tracker, description, folder=layout.wandb()) as run:
        run.log({f"{benchmark}/{name}": float(facts[name]) for name in LOGGED if name in facts}, 0)
    return run_facts(description, run, without=tracker)


def _describe(
    layout: Layout,
    experiment: Experiment,
    benchmark: str,
    *,
    options: ExtractionOptions,
    processes: "Processes",
    tracker: Tracker,
    clock: _Clock,
) -> "dict[str, Extraction]":
    model = clock.starting(functools.cache(lambda: load_model(layout, experiment)))
    folder = _work_folder(layout, experiment, benchmark, options)
    works = {}
    for side in SIDES:
        # Whoever is first past this has all rows of the side, and what one process fails of, all fail of.
        with clock.one_side(), processes.together():
            works[side] = describe_side(
                layout,
                benchmark,
                experiment=experiment,
                model=model,
                image=experiment.described_image,
                side=side,
                folder=folder,
                options=options,
                tracker=tracker,
            )
    return works


def _work_folder(layout: Layout, experiment: Experiment, benchmark: str, options: ExtractionOptions) -> Path:
    """Of this very recipe: what other weights or another precision left is not gone on with.

    Whether broken images may be left out is no part of it: allowed after an hour, it costs nothing of that hour.
    """
    recipe = recipes.embeddings_of(layout, experiment, benchmark, precision=options.precision, skip_broken=False)
    return layout.extraction(recipe.path) / fingerprint(layout, recipe)


def _clear_others(layout: Layout, experiment: Experiment, benchmark: str, options: ExtractionOptions) -> None:
    ours = _work_folder(layout, experiment, benchmark, options)
    for folder in sorted(ours.parent.glob("*")):
        if folder != ours:
            shutil.rmtree(folder, ignore_errors=True)


def _put(source: Path, target: Path) -> None:
    """A second name for the same bytes: whoever is killed before the artifact is in place has lost nothing."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _names(layout: Layout, experiment: Experiment, benchmark: str) -> Mapping[str, list[str]]:
    from gsv_pipeline.benchmarks.seen import benchmark_of

    data = benchmark_of(layout, experiment, benchmark)
    return {"database": data.database["image_id"].tolist(), "queries": data.queries["image_id"].tolist()}


def _costs(
    works: "Mapping[str, Extraction]", broken: Mapping[str, Mapping[int, str]], options: ExtractionOptions
) -> dict[str, Any]:
    sizes = [work.path.stat().st_size for work in works.values()]
    facts: dict[str, Any] = {"megabytes": round(sum(sizes) / 1e6, 2), "precision": options.precision}
    facts["batch_size"] = max(work.batch_size for work in works.values())
    if any(broken.values()):
        facts["broken_images"] = sum(map(len, broken.values()))
    return facts
