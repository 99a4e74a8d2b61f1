"""How one artifact stands: what is being done or went wrong goes before what is there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gsv_pipeline import recipes
from gsv_pipeline.errors import DataError, GsvError
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import holder
from gsv_pipeline.manifest import Manifest, Recipe, read_manifest, why_stale
from gsv_pipeline.sources.disk import human_bytes
from gsv_pipeline.standing.leftovers import (
    bytes_below,
    described_images,
    failure_of,
    is_finished,
    last_step,
    total_steps,
)

PRESENT: Final = "present"
STALE: Final = "stale"
MISSING: Final = "missing"
RUNNING: Final = "running"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
ORPHAN: Final = "orphan"
STATES: Final = (PRESENT, STALE, MISSING, RUNNING, FAILED, INTERRUPTED, ORPHAN)

_INPUT: Final = "its input "
_OUT_OF_DATE: Final = " is out of date: "
"""Words of `manifest.why_stale`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An artifact and how it stands.

    Args:
        key: Its name.
        state: One of STATES.
        reason: Why, for all but `present` and `missing`.
        bytes: What it takes; of a data set that is used where it lies, what its files take there.
        created: When the artifact that is there was made; empty where there is none.
        experiment: Whose it is; empty for what all share.
        benchmark: Of which; empty for the others.
        command: What a person types to make it.
        pid: Of the process that makes it now.
        since: When that began, or when it failed.
        step: Of a training that runs or was interrupted.
        steps: Of the whole training; 0 where that is not known.
    """

    key: str
    state: str
    reason: str = ""
    bytes: int = 0
    created: str = ""
    experiment: str = ""
    benchmark: str = ""
    command: str = ""
    pid: int | None = None
    since: str = ""
    step: int | None = None
    steps: int = 0

    @property
    def stage(self) -> str:
        """The first part of the key."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """The rest of the key."""
        return self.key.partition("/")[2]

    @property
    def cause(self) -> str:
        """The reason, without the inputs between this artifact and the one to blame."""
        *inputs, reason = self.reason.split(_OUT_OF_DATE)
        return f"{inputs[-1].removeprefix(_INPUT)}: {reason}" if inputs else reason


def standing_of(
    layout: Layout, artifact: Path, make: Callable[[], Recipe], *, experiment: str = "", benchmark: str = ""
) -> Standing:
    """How one artifact stands.

    Args:
        layout: Where things live.
        artifact: Its folder.
        make: Gives its recipe; what that raises is why the artifact is stale.
        experiment: Whose it is.
        benchmark: Of which.
    """
    found = manifest_or_none(artifact)
    command, reason = "", None
    try:
        recipe = make()
        command, reason = recipe.command, why_stale(layout, recipe)
    except GsvError as error:
        reason = str(error)
    is_there = found is not None or (artifact.is_dir() and any(artifact.iterdir()))
    state = PRESENT if reason is None else STALE if is_there else MISSING
    row = Standing(
        key=layout.key(artifact),
        state=state,
        reason=reason or "" if state == STALE else "",
        bytes=_bytes(artifact, found),
        created=found.created if found else "",
        experiment=experiment,
        benchmark=benchmark,
        command=command,
    )
    return _with_doings(layout, artifact, _with_progress(layout, artifact, row, found), found)


def manifest_or_none(artifact: Path) -> Manifest | None:
    """The manifest, or None where there is none or a damaged one."""
    try:
        return read_manifest(artifact)
    except DataError:
        return None


def _bytes(artifact: Path, found: Manifest | None) -> int:
    """Half a million images are not counted: the manifest of a data set says what they take."""
    noted = found.metadata.get("bytes") if found else None
    return noted if isinstance(noted, int) else bytes_below(artifact)


def _with_doings(layout: Layout, artifact: Path, row: Standing, found: Manifest | None) -> Standing:
    running = holder(layout.lock(artifact))
    if running is not None:
        pid, since = running["pid"], str(running["started"])
        reason = f"process {pid}, since {since}{_at_step(row)}"
        return replace(row, state=RUNNING, reason=reason, pid=pid if isinstance(pid, int) else None, since=since)
    kept = f"; that of {row.created} is still there" if found else ""
    failure = failure_of(layout, artifact)
    if failure is not None and not failure.was_stopped:
        return replace(row, state=FAILED, reason=f"{failure.time}: {failure.message}{kept}", since=failure.time)
    undone = _undone(layout, artifact, row, found)
    if not undone and failure is not None:
        undone = f"{failure.message or 'stopped'}, {failure.time}"
    return replace(row, state=INTERRUPTED, reason=undone + kept) if undone else row


def _with_progress(layout: Layout, artifact: Path, row: Standing, found: Manifest | None) -> Standing:
    """How far a training has come whose state is there, unless that training came to its end."""
    if row.stage != "checkpoint":
        return row
    state = layout.training_state(artifact.name)
    begun = recipes.begun_training(state)
    if not begun or is_finished(state, found, str(begun.get("identity", ""))):
        return row
    places, training = manifest_or_none(layout.places(artifact.name)), begun["config"].get("training")
    number = places.metadata.get("places") if places else None
    steps = total_steps(training, number) if isinstance(training, dict) and isinstance(number, int) else 0
    return replace(row, step=last_step(state), steps=steps)


def _undone(layout: Layout, artifact: Path, row: Standing, found: Manifest | None) -> str:
    """What an interrupted run left that the next one goes on with, or clears away; empty where there is nothing."""
    if row.step is not None:
        return f"training stopped{_at_step(row)}; it can go on"
    downloads, extraction = layout.downloads(artifact.name), layout.extraction(artifact)
    if row.stage == "dataset" and downloads.is_dir() and not is_finished(downloads, found):
        return f"{human_bytes(bytes_below(downloads))} downloaded; it can go on"
    if extraction.is_dir() and not is_finished(extraction, found):
        return f"{described_images(extraction):,} images described; it can go on"
    return "a run was killed; the next one begins anew" if layout.partial(artifact).is_dir() else ""


def _at_step(row: Standing) -> str:
    if row.step is None:
        return ""
    return f", at step {row.step}" + (f" of {row.steps}" if row.steps else "")
