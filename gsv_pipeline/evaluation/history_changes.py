"""What changed between two reports of the history: data, settings, code, packages, hardware, or nothing known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gsv_pipeline.evaluation.history_file import Entry, Step
from gsv_pipeline.manifest import ABSENT, differences

DATA: Final = "data"
SETTINGS: Final = "settings"
CODE: Final = "code"
PACKAGES: Final = "packages"
HARDWARE: Final = "hardware"
CHANCE: Final = "chance"
KINDS: Final[Mapping[str, str]] = {
    DATA: "Images, tables or ground truth are others.",
    SETTINGS: "The experiment was changed.",
    CODE: "Another commit, release or room version of this project.",
    PACKAGES: "Another version of Python or of a library.",
    HARDWARE: "Another processor or GPU.",
    CHANCE: "Made anew from the same things by the same things, with another result.",
}
"""Kind -> what it means, in the order in which causes are told."""

_DATA_STAGES: Final = ("dataset", "catalog", "benchmark")
_FOLLOWS_DATA: Final = ("names", "files")
"""Settings of a catalog that are hashes of its data set."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two reports.

    Args:
        kind: One of KINDS.
        what: `torch: 2.13.0 → 2.14.1`.
        where: Stages that it touches, in flow order; empty where `what` says so.
    """

    kind: str
    what: str
    where: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line for a reader."""
        return f"{self.what} ({', '.join(self.where)})" if self.where else self.what


def changes(before: Entry, after: Entry) -> list[Change]:
    """What differs between two reports."""
    return step_changes(before.steps, after.steps)


def step_changes(before: Mapping[str, Step], after: Mapping[str, Step]) -> list[Change]:
    """What differs, by kind; the same difference in several steps is told once."""
    found: dict[tuple[str, str], list[str]] = {}
    # The chain was walked inputs first, so keys are in flow order.
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        for kind, what in _of_step(key, old, new, before=before, after=after):
            stages = found.setdefault((kind, what), [])
            stage = key.partition("/")[0].replace("_", " ")
            if stage not in stages:
                stages.append(stage)
    told = [Change(kind, what, () if kind in (DATA, CHANCE) else tuple(where)) for (kind, what), where in found.items()]
    order = list(KINDS)
    return sorted(told, key=lambda change: order.index(change.kind))


def _of_step(
    key: str, old: Step | None, new: Step | None, *, before: Mapping[str, Step], after: Mapping[str, Step]
) -> Iterator[tuple[str, str]]:
    if old is None or new is None:
        kind = DATA if key.partition("/")[0] in _DATA_STAGES else SETTINGS
        yield kind, f"{key}: {_version(old)} → {_version(new)}"
        return
    if (old.version, old.created) == (new.version, new.created):
        return
    causes = [*_settings(key, old, new), *_surroundings(old, new)]
    follows = any(_has_changed(name, before, after) for name in {*old.inputs, *new.inputs})
    if old.version != new.version and not follows:
        if key.startswith("dataset/") or (key.startswith(_DATA_STAGES) and not causes):
            yield DATA, f"{key}: {old.version} → {new.version}"
        elif not causes:
            yield CHANCE, f"{key}: {old.version} → {new.version}"
    yield from causes


def _has_changed(key: str, before: Mapping[str, Step], after: Mapping[str, Step]) -> bool:
    return _version(before.get(key)) != _version(after.get(key))


def _version(step: Step | None) -> str:
    return step.version if step else ABSENT


def _settings(key: str, old: Step, new: Step) -> list[tuple[str, str]]:
    kind = DATA if key.partition("/")[0] in _DATA_STAGES else SETTINGS
    left_out = _FOLLOWS_DATA if key.startswith("catalog/") else ()
    ours, theirs = (
        {name: value for name, value in step.config.items() if name not in left_out and name != "description"}
        for step in (old, new)
    )
    rooms = _differences(old.rooms, new.rooms)
    return [*((kind, text) for text in _differences(ours, theirs)), *((CODE, f"version of {text}") for text in rooms)]


def _surroundings(old: Step, new: Step) -> Iterator[tuple[str, str]]:
    then, now = old.surroundings, new.surroundings
    if not then or not now:
        return
    for name, kind in (
        ("gsv_pipeline", CODE),
        ("git", CODE),
        ("python", PACKAGES),
        ("device", HARDWARE),
        ("cpus", HARDWARE),
    ):
        # What an older release did not note is not known to have changed.
        if name in then and name in now and then[name] != now[name]:
            words = {"git": "commit", "cpus": "processors"}.get(name, name)
            yield kind, f"{words}: {then[name] or 'unknown'} → {now[name] or 'unknown'}"
    # Nor is a package that only one of the two releases noted.
    both = {*then.get("packages", {})} & {*now.get("packages", {})}
    for text in _differences(*({name: side["packages"][name] for name in both} for side in (then, now))):
        yield PACKAGES, text


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`training.epochs: 3 → 30`, one for each setting that differs."""
    return [f"{name}: {ours} → {theirs}" for name, ours, theirs in differences(old, new)]
