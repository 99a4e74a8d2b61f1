"""Sends a version to a remote; data that must not be passed on goes to no place that strangers can read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from gsv_pipeline.data_versions.cache import object_path, put_object
from gsv_pipeline.data_versions.commands import run_dvc
from gsv_pipeline.data_versions.history import present_record
from gsv_pipeline.data_versions.record import Record, set_push
from gsv_pipeline.data_versions.remotes import Reach, is_off_the_web, reach_of, web_addresses
from gsv_pipeline.data_versions.repository import Tracked, find_tracked
from gsv_pipeline.data_versions.settings import Remote, read_settings
from gsv_pipeline.errors import ConfigError, DataError, RunError
from gsv_pipeline.layout import Layout
from gsv_pipeline.locks import hold
from gsv_pipeline.sources import Dataset
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker

PROBE: Final = b"gsv-pipeline looks here without credentials before it pushes data that must not be passed on.\n"
"""What is pushed before such data, to see whether a stranger can read it."""


def push(
    layout: Layout,
    dataset: str,
    *,
    tracker: Tracker,
    remote: str | None = None,
    private: bool = False,
) -> Remote:
    """Send the version that is here to a remote.

    Args:
        layout: Where things live.
        dataset: Its name.
        tracker: Shows progress.
        remote: Its name; DVC's default one if None.
        private: Say that a remote is private of which that cannot be seen from here.

    Returns:
        Where it is now.

    Raises:
        ConfigError: No repository, version or remote.
        DataError: The licence forbids redistribution and the remote is public or may be; or the version is a hash
            alone.
        RunError: DVC failed.
    """
    tracked = find_tracked(layout, dataset)
    row = dataset_row(layout, dataset)
    _require_stored(tracked, present_record(tracked))
    with hold(layout.lock(tracked.artifact), key=layout.key(tracked.artifact), tracker=tracker):
        settings = read_settings(tracked.repository, tracker=tracker)
        chosen = settings.remote(remote)
        if not row.redistributable:
            reach = _reach(tracked, chosen, cache=settings.cache, tracker=tracker)
            _require_private(row, chosen, reach, dataset=dataset, private=private)
        tracker.message(f"{dataset}: pushing to the remote '{chosen.name}' ({chosen.shown})")
        with _admitted(tracked, row):
            _push_file(tracked, tracked.relative(tracked.dvc_file), chosen, tracker=tracker)
    return chosen


def _require_stored(tracked: Tracked, record: Record | None) -> None:
    if record is None:
        raise ConfigError(
            f"'{tracked.name}' has no version to push. Make one: gsv-pipeline data snapshot {tracked.name}"
        )
    if not record.stored:
        raise DataError(
            f"'{tracked.name}' is used where it lies and versioned by its hash alone, so there is nothing to push. "
            f"To keep its bytes too: gsv-pipeline data snapshot {tracked.name} --copy"
        )


def _require_private(row: Dataset, remote: Remote, reach: Reach, *, dataset: str, private: bool) -> None:
    terms = f"The licence of '{dataset}' forbids redistribution ({row.licence})"
    where = f"the remote '{remote.name}' ({remote.shown})"
    if reach is Reach.ANYBODY:
        raise DataError(
            f"{terms}, and anybody can read {where}: an object was read there without credentials. Nothing of the data "
            "was pushed. Close it to strangers, or push elsewhere: --remote NAME."
        )
    if reach is Reach.UNKNOWN and not private:
        raise DataError(
            f"{terms}, and whether strangers can read {where} cannot be seen from here. Nothing of the data was "
            "pushed. If only you and those who work with you can read it, say so with --private."
        )


def _reach(tracked: Tracked, remote: Remote, *, cache: Path, tracker: Tracker) -> Reach:
    """Push one harmless line and look whether a stranger can read it: what a list of rules says is not what happens."""
    if is_off_the_web(remote):
        return Reach.NOBODY_UNASKED
    md5 = put_object(cache, PROBE)
    addresses = web_addresses(remote, object_path(md5))
    if not addresses:
        return Reach.UNKNOWN
    found = reach_of(addresses, expected=PROBE)
    if found is Reach.ANYBODY:
        return found
    _push_probe(tracked, md5, remote, tracker=tracker)
    return reach_of(addresses, expected=PROBE)


def _push_probe(tracked: Tracked, md5: str, remote: Remote, *, tracker: Tracker) -> None:
    file = tracked.layout.dvc_file(f"{tracked.name}.probe")
    output = {"md5": md5, "size": len(PROBE), "hash": "md5", "path": file.stem}
    file.write_text(yaml.safe_dump({"outs": [output]}, sort_keys=False), encoding="utf-8")
    try:
        _push_file(tracked, tracked.relative(file), remote, tracker=tracker)
    finally:
        file.unlink()


def _push_file(tracked: Tracked, file: str, remote: Remote, *, tracker: Tracker) -> None:
    try:
        run_dvc(tracked.repository, "push", "--remote", remote.name, file, tracker=tracker)
    except RunError as error:
        raise RunError(
            f"The remote '{remote.name}' ({remote.shown}) did not take {file}: {error.details['said']}\n"
            "What arrived counts: the same command goes on."
        ) from error


@contextmanager
def _admitted(tracked: Tracked, row: Dataset) -> Iterator[None]:
    """Lift `push: false` for the time of this push, so that a plain `dvc push` passes such data over."""
    set_push(tracked.dvc_file, True)
    try:
        yield
    finally:
        set_push(tracked.dvc_file, row.redistributable)
