"""Every recall report that ever stood on disk, so that a drift is seen and its cause can be named.

An entry holds the recalls, the version and the settings of all that the report was made of, and the code, packages and
machine that made each part: the cause can be told long after the artifacts are gone (`history_changes.py`).
"""

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gsv_pipeline.artifact_files import RECALL_FILE
from gsv_pipeline.evaluation.history_file import Drift, Entry, Step, append_entry, read_history
from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import trace, walk
from gsv_pipeline.manifest import Manifest, read_json, read_manifest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KS: Final = (1, 5, 10, 20)
_SURROUNDINGS: Final = ("git", "gsv_pipeline", "packages", "python", "device", "cpus")


def append_history(layout: Layout, experiment: str, benchmark: str) -> Entry | None:
    """Add the report on disk to the history, once for each call; None where its answers are hidden.

    Raises:
        DataError: The report is damaged, or the history cannot be written.
    """
    folder = layout.recall_report(benchmark, experiment)
    manifest = read_manifest(folder)
    if manifest is None or not (folder / RECALL_FILE).is_file():
        return None
    path = layout.history(benchmark, experiment)
    before = read_history(path)
    entry = _entry(layout, manifest, experiment, benchmark, before=before[-1] if before else None)
    append_entry(path, entry)
    return entry


def catch_up(layout: Layout) -> list[Entry]:
    """Add the reports on disk whose line is missing: made before there was a history, or by a run that was killed."""
    added = []
    for folder, manifest in finished_reports(layout).items():
        benchmark, experiment = folder.parent.name, folder.name
        made = (manifest.data_version, manifest.created)
        if all((item.report, item.date) != made for item in read_history(layout.history(benchmark, experiment))):
            added.append(append_history(layout, experiment, benchmark))
    return [entry for entry in added if entry is not None]


def report_folders(layout: Layout) -> list[Path]:
    """Folders of all recall reports on disk, sorted, whatever their manifests say."""
    folders = (path for path in layout.entries("recall_report") if layout.owner(path) == path)
    return [folder for folder in folders if (folder / RECALL_FILE).is_file()]


def finished_reports(layout: Layout) -> dict[Path, Manifest]:
    """Folder -> manifest of every recall report on disk, sorted by benchmark and experiment.

    Where answers are hidden there are predictions and no recall, so no report.
    """
    found = {folder: read_manifest(folder) for folder in report_folders(layout)}
    return {folder: manifest for folder, manifest in found.items() if manifest is not None}


def histories(layout: Layout, experiment: str | None = None) -> dict[tuple[str, str], list[Entry]]:
    """(Benchmark, experiment) -> its entries, the oldest first; of one experiment, or of all."""
    anything = layout.history("*", experiment or "*")
    paths = sorted(anything.parent.parent.glob(f"*/{anything.name}"))
    found = {(path.parent.name, path.stem): read_history(path) for path in paths}
    return {key: entries for key, entries in found.items() if entries}


def recorded_steps(layout: Layout, report: Path) -> dict[str, Step]:
    """The chain behind a report: as the history has it, which outlives artifacts, else as manifests have it now.

    Args:
        layout: Where the report lives.
        report: Its folder.

    Returns:
        Key -> step, inputs first; one without `created` is known by its version alone.
    """
    entries = read_history(layout.history(report.parent.name, report.name))
    made = read_manifest(report)
    for entry in entries:
        if made is not None and (entry.report, entry.date) == (made.data_version, made.created):
            return dict(entry.steps)
    return {link.key: _step(link.version, link.manifest) for link in walk(trace(layout, report))}


def _entry(layout: Layout, manifest: Manifest, experiment: str, benchmark: str, *, before: Entry | None) -> Entry:
    folder = layout.recall_report(benchmark, experiment)
    values = read_json(folder / RECALL_FILE)
    steps = {link.key: _step(link.version, link.manifest) for link in walk(trace(layout, folder))}
    ranks, drift = _drift(folder, steps, before)
    return Entry(
        experiment=experiment,
        benchmark=benchmark,
        date=manifest.created,
        report=manifest.data_version,
        recall_at={k: float(values["recall_at"][str(k)]) for k in KS},
        interval_at={k: (values["interval_at"][str(k)][0], values["interval_at"][str(k)][1]) for k in KS},
        steps=steps,
        ranks=ranks,
        drift=drift,
    )


def _step(version: str, manifest: Manifest | None) -> Step:
    if manifest is None:
        return Step(version, "")
    origin = manifest.provenance
    return Step(
        version=version,
        created=manifest.created,
        inputs=tuple(sorted(manifest.inputs)),
        rooms=manifest.versions,
        config=manifest.config,
        surroundings={name: origin[name] for name in _SURROUNDINGS if name in origin},
        dagster_run=str(origin.get("dagster_run", "")),
    )


def _drift(folder: Path, steps: Mapping[str, Step], before: Entry | None) -> tuple[str, Drift | None]:
    """The ranks of now, packed, and how they compare with those of the entry before."""
    from gsv_pipeline.evaluation.accepted import pack_ranks
    from gsv_pipeline.evaluation.comparison import compare
    from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE, load_outcomes

    if not (folder / OUTCOMES_FILE).is_file():
        return "", None
    outcomes = load_outcomes(folder)
    packed = pack_ranks(outcomes.ranks)
    name = f"benchmark/{folder.parent.name}"
    asked = before.steps.get(name) if before else None
    if before is None or asked is None or asked.version != steps[name].version:
        return packed, None
    ranks, others = _unpack_ranks(packed), _unpack_ranks(before.ranks)
    if len(ranks) != len(others):  # cities that an experiment trains on are left out of some benchmarks
        return packed, None
    found = compare(ranks < 1, others < 1, outcomes.places)
    moved = int((ranks != others).sum())
    return packed, Drift(found.difference, found.interval, found.p_value, found.verdict, moved)


def _unpack_ranks(text: str) -> "npt.NDArray[np.int64]":
    """[Q] ranks; none where the text is damaged, so that nothing is compared with it."""
    import numpy as np

    try:
        ranks = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), dtype=np.uint8)
    except (ValueError, zlib.error):
        return np.empty(0, dtype=np.int64)
    return ranks.astype(np.int64)
