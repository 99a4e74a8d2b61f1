"""What fetching a data set comes to (which source, which arguments), and what of a catalog need not be made again."""

import hashlib
import inspect
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.catalog.report import LEVELS
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, as_json, read_manifest
from gsv_pipeline.registry import check_arguments, default_arguments, resolve, unknown_name
from gsv_pipeline.sources import DATASETS, SOURCES, Dataset
from gsv_pipeline.sources.downloads.addresses import without_secrets
from gsv_pipeline.sources.location import Location, listing_of, read_location
from gsv_pipeline.sources.own import NO_LICENCE, PROVIDED, check_name, dataset_row, define_dataset, is_defined
from gsv_pipeline.tracking import Tracker

DEMO: Final = "demo"
_REDACTED: Final = "=..."  # how `without_secrets` ends the address of a query


@dataclass(frozen=True, slots=True)
class Fetching:
    """What is to be fetched.

    Args:
        row: The data set; for a name that is in no table yet, what it will be.
        source: Row of SOURCES.
        arguments: Every argument of the source but those that stages provide.
        definition: What the definition of an own data set is to say of source and arguments; None leaves it alone.
    """

    row: Dataset
    source: str
    arguments: Mapping[str, Any]
    definition: Mapping[str, Any] | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What the manifest compares. It is read by others, so that no password or signature of a URL is in it."""
        shown = {name: _without_secrets(name, value) for name, value in self.arguments.items()}
        return {"source": self.source, "arguments": shown}

    def run(self, target: Path, *, downloads: Path, tracker: Tracker) -> dict[str, Any]:
        """Call the source; what it has downloaded so far stays in `downloads` when it does not come to an end.

        Raises:
            ConfigError: The address was kept without its secrets, and they are not given again.
        """
        if str(self.arguments.get("url", "")).endswith(_REDACTED):
            raise ConfigError(f"The secrets of {self.arguments['url']} are not kept. Give the address again: url=…")
        fetch = resolve(SOURCES[self.source].fetch)
        provided: dict[str, Any] = {"tracker": tracker}
        if "downloads" in inspect.signature(fetch).parameters:
            downloads.mkdir(parents=True, exist_ok=True)
            provided["downloads"] = downloads
        if "layout" in inspect.signature(fetch).parameters:
            provided["layout"] = self.row.layout
        facts: dict[str, Any] = fetch(target, **provided, **self.arguments)
        return facts

    def finish(self, layout: Layout, dataset: str) -> None:
        """Define an own data set, and clear away what was downloaded for it."""
        if self.definition is not None:
            define_dataset(layout, dataset, source=self.source, arguments=self.definition)
        shutil.rmtree(layout.downloads(dataset), ignore_errors=True)


def plan_fetch(
    layout: Layout, dataset: str, *, source: str | None = None, arguments: Mapping[str, Any] | None = None
) -> Fetching:
    """Source and arguments: those given, else those that it was fetched with, else the data set's own.

    Raises:
        ConfigError: Unknown data set or source, or arguments that the source does not take.
    """
    given = dict(arguments or {})
    row = _row(layout, dataset, source)
    found = read_manifest(layout.dataset(dataset))
    if source is None and not given and found is not None and found.config.get("source") in SOURCES:
        return Fetching(row, found.config["source"], _with_own_address(row, found.config["arguments"]))
    chosen = source or row.source
    fetch = resolve(SOURCES[chosen].fetch)
    if given.get("path") is not None:
        _check_path(layout.dataset(dataset), given["path"])
    own = _without_address(row.arguments if chosen == row.source else {}, given)
    defaults = {name: value for name, value in default_arguments(fetch).items() if name not in PROVIDED}
    asked = {**defaults, **own, **given}
    try:
        check_arguments("source", chosen, fetch, asked, provided=PROVIDED)
    except ConfigError as error:
        raise ConfigError(f"{error} {row.how_to_get}".strip()) from error
    is_told = dataset not in DATASETS and (source is not None or bool(given))
    return Fetching(row, chosen, asked, _definition({**own, **given}) if is_told else None)


def _row(layout: Layout, dataset: str, source: str | None) -> Dataset:
    if source is not None and source not in SOURCES:
        raise ConfigError(unknown_name("source", source, SOURCES))
    if dataset == DEMO and source not in (None, DEMO):
        raise ConfigError(f"Data set '{DEMO}' is rendered. Give other images another name: gsv-pipeline fetch NAME …")
    if source is None or dataset in DATASETS or is_defined(layout, dataset):
        return dataset_row(layout, dataset)
    check_name(layout, dataset)
    return Dataset(source, f"{dataset}, from source '{source}'.", NO_LICENCE)


def _check_path(artifact: Path, path: Any) -> None:
    """Refuse what lies where the data set itself will be, or around it: it would be replaced by a note about itself.

    Raises:
        ConfigError: It does.
    """
    given, place = Path(str(path)).expanduser().resolve(), artifact.resolve()
    if given.is_relative_to(place) or place.is_relative_to(given):
        raise ConfigError(
            f"{given} lies where the pipeline keeps what it fetches ({artifact}), and would be replaced. "
            "Move it out of there, and give its new path."
        )


def _definition(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for the definition of an own data set; an address with secrets is left out of it."""
    return {name: value for name, value in arguments.items() if _without_secrets(name, value) == value}


def _without_secrets(name: str, value: Any) -> Any:
    return without_secrets(str(value)) if name == "url" and value else value


def _without_address(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A data set's own arguments; a file that is given takes the place of the address it is published at."""
    left_out = {"url", "path", "sha256"} if {"url", "path"} & set(given) else set()
    return {name: value for name, value in own.items() if name not in left_out}


def _with_own_address(row: Dataset, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a manifest kept; the address that a shipped data set is published at is no secret, and whole again."""
    own = row.arguments.get("url")
    return {**arguments, "url": own} if own and arguments.get("url") == without_secrets(str(own)) else arguments


def expected_cities(layout: Layout, dataset: str) -> tuple[str, ...]:
    """Cities that a data set should hold: those that its source made, else those that its publisher lists."""
    found = read_manifest(layout.dataset(dataset))
    made = found.metadata.get("cities") if found else None
    return tuple(made) if isinstance(made, list) else dataset_row(layout, dataset).cities


def has_changed_in_place(layout: Layout, dataset: str, plan: Fetching) -> bool:
    """Whether a data set that is used where it lies is another one, there, than when it was fetched."""
    artifact = layout.dataset(dataset)
    found = read_manifest(artifact)
    if found is None or found.config != as_json(plan.config):
        return False  # it is fetched in any case
    location = read_location(artifact)
    return not location.root.is_relative_to(artifact) and listing_of(location).version != found.data_version


def look_at(location: Location, *, look: str, limit: float, found: Manifest | None) -> dict[str, Any]:
    """What the manifest of a catalog compares: how closely at which files.

    A catalog whose images were looked at as closely or more closely, and whose files are the same, stays.

    Args:
        location: Where the data set lies.
        look: A key of LEVELS.
        limit: Largest share in quarantine with which the data set is sound.
        found: Manifest of the catalog that is there.
    """
    from gsv_pipeline.catalog.build import names_version

    names = hashlib.sha256(names_version(location).encode()).hexdigest()[:16]
    files = "" if look == "names" else listing_of(location).version
    asked = {"look": look, "names": names, "files": files, "max_quarantined": limit}
    if found is None or look == "full":
        return asked
    levels: list[str] = list(LEVELS)
    there = found.config
    is_close = there.get("look") in levels and levels.index(there["look"]) >= levels.index(look)
    is_same = there.get("names") == names and (not files or there.get("files") == files)
    return dict(there) if is_close and is_same and there.get("max_quarantined") == limit else asked
