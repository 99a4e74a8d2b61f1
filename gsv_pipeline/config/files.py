"""Experiments on disk: those shipped, those under the data root, and what one extends of another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gsv_pipeline.config.experiment import ORIGINS, Experiment
from gsv_pipeline.config.faults import EXTENDS, faults_of, unknown_experiment
from gsv_pipeline.config.reading import apply_setting, merged, read_mapping
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import Layout

SHIPPED: Final = Path(__file__).parents[1] / "configs" / "experiments"
"""Recipes stand in it, and in each of its folders a set of experiments that belong together."""

PUBLISHED_VALIDATION: Final = ("pitts30k_val", "msls_val")
"""What `training.validation: auto` takes where it is there, in this order: the reference chooses its checkpoint by the
one (FIELD 1.3), its successor by the other (FIELD 1.11)."""

HOLDOUT: Final = "gsv_holdout"
"""What `auto` takes where neither is there: cities of GSV-Cities that the experiment leaves out."""

MINIMAL: Final = "extends: demo"
"""The shortest experiment: all of another one."""

_RECIPES: Final = "recipes"
_OWN: Final = "own"


def experiment_files(layout: Layout) -> dict[str, Path]:
    """Every experiment by name: those shipped and those under the data root, sorted.

    An own one with the name of a shipped one stands in its place here, so that everything else stays usable;
    `load_experiment` refuses it.
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.rglob("*.yaml"))}
    own = {path.stem: path for path in layout.experiments().glob("*.yaml")}
    return dict(sorted({**shipped, **own}.items()))


def experiment_sets(layout: Layout) -> dict[str, list[str]]:
    """Set -> its experiments: shipped recipes, each shipped comparison, then own ones; without an empty one."""
    sets: dict[str, list[str]] = {_RECIPES: []}
    for name, path in experiment_files(layout).items():
        sets.setdefault(_set_of(path), []).append(name)
    own = sets.pop(_OWN, [])
    comparisons = {title: sets[title] for title in sorted(sets) if title != _RECIPES}
    return {_RECIPES: sets[_RECIPES], **comparisons, **({_OWN: own} if own else {})}


def validation_benchmarks(layout: Layout) -> list[str]:
    """Benchmarks that some experiment validates on or may choose to, sorted; one that cannot be read names none."""
    names: set[str] = set()
    files = experiment_files(layout)
    for name in files:
        try:
            training = _load(layout, name, files=files).training
        except ConfigError:
            continue  # its own runs will say what is wrong with it; the others must stay usable
        if training is not None:
            chosen = training.chooses_validation
            names.update((*PUBLISHED_VALIDATION, HOLDOUT) if chosen else training.validation)
    return sorted(names)


def load_experiment(layout: Layout, name: str, overrides: Sequence[str] = ()) -> Experiment:
    """Read experiment `name`; `overrides` are `key=value`, with dots for what is nested (`training.epochs=3`).

    Raises:
        ConfigError: Unknown experiment, one with the name of a shipped one, unreadable YAML, unknown key, a value out
            of range, or one that it cannot extend.
    """
    return _load(layout, name, overrides, files=experiment_files(layout))


def _load(layout: Layout, name: str, overrides: Sequence[str] = (), *, files: Mapping[str, Path]) -> Experiment:
    path = _file_of(layout, name, files)
    values = _with_extended(layout, name, files)
    for override in overrides:
        apply_setting(values, override)
    told = f"{path} with {' '.join(overrides)}" if overrides else str(path)
    _refuse_reserved(values, told)
    experiment = _validate({**values, "name": name, "overrides": tuple(overrides)}, source=told)
    if experiment.weights is not None:
        experiment = experiment.model_copy(update={"weights": path.parent / experiment.weights.expanduser()})
    return experiment


def _file_of(layout: Layout, name: str, files: Mapping[str, Path]) -> Path:
    if name not in files:
        raise ConfigError(f"{unknown_experiment(name, files)} Own ones go to {layout.experiments()}/.")
    path = files[name]
    if not path.is_relative_to(SHIPPED) and any(SHIPPED.rglob(f"{name}.yaml")):
        raise ConfigError(f"Experiment '{name}' in {path} has the name of a shipped one. Rename the file.")
    return path


def _with_extended(layout: Layout, name: str, files: Mapping[str, Path]) -> dict[str, Any]:
    """The values of a file over those of the experiment that it extends, one level deep."""
    path = _file_of(layout, name, files)
    values = read_mapping(path, minimal=MINIMAL)
    parent = values.pop(EXTENDS, None)
    if parent is None:
        return values
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: {EXTENDS}: found {parent!r}, expected the name of one experiment.")
    if parent not in files:
        raise ConfigError(f"{path}: {EXTENDS}: {unknown_experiment(parent, files)}")
    base = read_mapping(_file_of(layout, parent, files), minimal=MINIMAL)
    if EXTENDS in base:
        raise ConfigError(
            f"{path}: it extends '{parent}', which extends '{base[EXTENDS]}' itself, and one level is the limit: a "
            "reader has two files to look at, not a chain. Extend one that stands alone."
        )
    # A file of its own is the model's only origin: weights of the published recipe are not trained too.
    if any(values.get(origin) is not None for origin in ORIGINS):
        base = {key: value for key, value in base.items() if key not in ORIGINS or key in values}
    if isinstance(base.get("weights"), str):
        base["weights"] = str(files[parent].parent / Path(base["weights"]).expanduser())
    return merged(base, values)


def _refuse_reserved(values: Mapping[str, Any], told: str) -> None:
    if "name" in values:
        raise ConfigError(f"{told}: 'name' is the file's name and cannot be set.")
    if "overrides" in values:
        raise ConfigError(f"{told}: 'overrides' are given on the command line, as key=value.")
    if EXTENDS in values:
        raise ConfigError(f"{told}: 'extends' stands in the file; it cannot be changed for one run.")


def _set_of(path: Path) -> str:
    if not path.is_relative_to(SHIPPED):
        return _OWN
    return path.parent.name if path.parent != SHIPPED else _RECIPES


def _validate(values: Mapping[str, Any], *, source: str) -> Experiment:
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        name = values["name"]
        then = (
            "Correct it in the file or in the command."
            if values["overrides"]
            else f"Correct it in the file; gsv-pipeline check {name} says when it is valid."
        )
        faults = faults_of(error, Experiment, whole="experiment")
        raise ConfigError("\n".join([f"{source} is not a valid experiment:", *faults, then])) from error
