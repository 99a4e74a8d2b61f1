"""Frozen models of an experiment, and the only reader of YAML."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.layout import RESERVED_ENDINGS, Layout
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.spellings import (
    Bearings,
    Cities,
    Hemispheres,
    Latitudes,
    Longitudes,
    Metres,
    Months,
    Seasons,
    Years,
)

SHIPPED: Final = Path(__file__).parent / "configs" / "experiments"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(BaseModel):
    """A row of a table and its arguments: `{name: convap, out_channels: 64}`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class PlacesFilter(_Frozen):
    """Which places training sees, in the order in which the clauses apply: of images, of places, then the sample.

    Every spelling of a clause becomes one value (`July` is month 7), so that two spellings make one artifact.
    """

    cities: Cities | None = Field(default=None, description="None: every city of the data set.")
    exclude_cities: Cities | None = Field(default=None, description="Cities to leave out.")
    latitude: Latitudes | None = Field(default=None, description="[south, north] in degrees.")
    longitude: Longitudes | None = Field(default=None, description="[west, east]; west > east is over the date line.")
    hemisphere: Hemispheres | None = Field(default=None, description="north, south, east, west, or one of each pair.")
    years: Years | None = Field(default=None, description="A year, [from, to] or 2012-2016; both ends are in.")
    months: Months | None = Field(default=None, description="Numbers or English names.")
    season: Seasons | None = Field(default=None, description="Of the place's hemisphere: July is winter in Melbourne.")
    bearing: Bearings | None = Field(default=None, description="[from, to] clockwise; [315, 45] is over north.")
    max_distance_m: Metres | None = Field(default=None, description="From the median position of the image's place.")
    max_images_per_place: int | None = Field(default=None, ge=2, description="Of a place with more, so many are drawn.")
    min_images_per_place: int = Field(default=4, ge=2, description="Places with fewer images are left out.")
    min_separation_m: Metres | None = Field(
        default=None, description="Of two places closer than this, the one with more images stays."
    )
    sample_places: int | None = Field(default=None, ge=1, description="So many places are drawn from those left.")
    sample_seed: int = Field(default=0, ge=0, lt=10**16, description="Of the drawn images and places.")

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.max_images_per_place is not None and self.max_images_per_place < self.min_images_per_place:
            raise ValueError(
                f"max_images_per_place is {self.max_images_per_place}, below min_images_per_place of "
                f"{self.min_images_per_place}: no place can have both"
            )
        return self

    def stated(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON values: a clause that is added later changes no fingerprint."""
        return self.model_dump(mode="json", exclude_defaults=True)


class ImageInput(_Frozen):
    """The size at which images enter the model; the aspect ratio is not kept, as in the reference."""

    height: int = Field(default=320, ge=16)
    width: int = Field(default=320, ge=16)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


class ModelParts(_Frozen):
    """Backbone and aggregator."""

    backbone: Part = Part(name="resnet50")
    aggregator: Part = Part(name="convap")


class Training(_Frozen):
    """From places to checkpoint. Defaults are the published recipe's (FIELD 1.2-1.4)."""

    loss: Part = Part(name="multi_similarity")
    miner: Part = Part(name="multi_similarity")
    optimizer: Part = Part(name="adamw")
    learning_rate: float = Field(default=2e-4, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Part = Part(name="multi_step")
    sampling: Literal["within_city", "all_cities"] = "within_city"
    places_per_batch: int = Field(default=100, ge=2)
    images_per_place: int = Field(default=4, ge=2)
    mirrored_places: bool = Field(default=False, description="A mirrored place counts as one more place.")
    augmentation: Part = Part(name="randaugment")
    epochs: int = Field(default=30, ge=1)
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"
    plain: bool = Field(default=False, description="The slow way: losses and augmentation as their libraries do them.")
    validation: tuple[str, ...] = Field(
        default=(), description="Benchmarks; the first one's R@1 chooses the checkpoint."
    )
    validate_every_epochs: int = Field(default=1, ge=1)
    patience: int | None = Field(
        default=None, ge=1, description="Stop after so many validations without a better one; None: never."
    )
    micro_batch: int | None = Field(
        default=None, ge=1, description="Images through the network at once (gradient caching); None: the whole batch."
    )
    compile: bool = Field(default=False, description="torch.compile the model; where it fails, training goes on without.")
    checkpoint_every_steps: int = Field(default=200, ge=1)


class Experiment(_Frozen):
    """One YAML: data filter, model, and either `training:` or `weights:`.

    Args:
        name: The file's name without `.yaml`; also the Dagster partition.
        seed: Of weights, batches and augmentation.
        weights: A checkpoint file to import in place of training, absolute or relative to the YAML.
        overrides: The `key=value` settings that were given for this run; commands that messages name repeat them.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-.]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0)
    dataset: str = "demo"
    places: PlacesFilter = Field(default_factory=PlacesFilter)
    image: ImageInput = Field(default_factory=ImageInput)
    model: ModelParts = Field(default_factory=ModelParts)
    training: Training | None = None
    weights: Path | None = None
    overrides: tuple[str, ...] = Field(default=(), exclude=True, repr=False)

    @field_validator("name")
    @classmethod
    def _is_no_sibling(cls, name: str) -> str:
        if name.endswith(RESERVED_ENDINGS):
            raise ValueError(f"a name may not end in {' or '.join(RESERVED_ENDINGS)}, found '{name}': rename the file")
        return name

    @model_validator(mode="after")
    def _trains_or_imports(self) -> Self:
        if (self.training is None) == (self.weights is None):
            found = "both" if self.training else "neither"
            raise ValueError(f"exactly one of 'training' and 'weights' is needed, found {found}")
        if self.training and self.training.images_per_place > self.places.min_images_per_place:
            raise ValueError(
                f"training.images_per_place is {self.training.images_per_place}, but places with "
                f"{self.places.min_images_per_place} images are admitted: raise places.min_images_per_place"
            )
        return self

    @property
    def settings(self) -> str:
        """The settings that were given for this run, as a shell takes them: ' training.epochs=3', or nothing."""
        return "".join(f" {shlex.quote(override)}" for override in self.overrides)

    def to_yaml(self) -> str:
        """The resolved experiment, as it is written next to the checkpoint."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def experiment_files(layout: Layout) -> dict[str, Path]:
    """Every experiment by name: those shipped and those under the data root, sorted.

    An own one with the name of a shipped one stands in its place here, so that everything else stays usable;
    `load_experiment` refuses it.
    """
    shipped = {path.stem: path for path in SHIPPED.glob("*.yaml")}
    own = {path.stem: path for path in layout.experiments().glob("*.yaml")}
    return dict(sorted({**shipped, **own}.items()))


def validation_benchmarks(layout: Layout) -> list[str]:
    """Benchmarks that some experiment validates on, sorted; an experiment that cannot be read names none."""
    names: set[str] = set()
    for name in experiment_files(layout):
        try:
            training = load_experiment(layout, name).training
        except ConfigError:
            continue  # its own runs will say what is wrong with it; the others must stay usable
        names.update(training.validation if training else ())
    return sorted(names)


def load_experiment(layout: Layout, name: str, overrides: Sequence[str] = ()) -> Experiment:
    """Read experiment `name`; `overrides` are `key=value`, with dots for what is nested (`training.epochs=3`).

    Raises:
        ConfigError: Unknown experiment, one with the name of a shipped one, unreadable YAML, unknown key or a value
            out of range.
    """
    files = experiment_files(layout)
    if name not in files:
        raise ConfigError(f"{unknown_name('experiment', name, files)} Own ones go to {layout.experiments()}/.")
    if files[name].parent != SHIPPED and (SHIPPED / f"{name}.yaml").is_file():
        raise ConfigError(f"Experiment '{name}' in {files[name]} has the name of a shipped one. Rename the file.")
    values = read_mapping(files[name])
    for override in overrides:
        _apply(values, override)
    if "name" in values:
        raise ConfigError(f"{files[name]}: 'name' is the file's name and cannot be set.")
    if "overrides" in values:
        raise ConfigError(f"{files[name]}: 'overrides' are given on the command line, as key=value.")
    told = f"{files[name]} with {' '.join(overrides)}" if overrides else str(files[name])
    experiment = _validate({**values, "name": name, "overrides": tuple(overrides)}, source=told)
    if experiment.weights is not None:
        experiment = experiment.model_copy(update={"weights": files[name].parent / experiment.weights.expanduser()})
    return experiment


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        ConfigError: Unreadable, or something else than a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not readable as YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(values).__name__}.")
    return values


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `key=value`; the value is read as YAML, so numbers are numbers.

    Raises:
        ConfigError: No `=`, or an unreadable value.
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"'{text}' is no setting. Expected key=value, for example training.epochs=3.")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"'{text}': the value is not readable as YAML: {error}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, value = parse_setting(override)
    *parents, last = key.split(".")
    target = values
    for parent in parents:
        child = target.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"'{override}': '{parent}' is a value, it holds no '{last}'.")
        target = child
    target[last] = value


def _validate(values: Mapping[str, Any], *, source: str) -> Experiment:
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in item['loc']) or 'experiment'}: {_sentence(item)}"
            for item in error.errors()
        ]
        raise ConfigError("\n".join([f"{source} is not a valid experiment:", *lines])) from error


def _sentence(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        owner = _fields_at(item["loc"][:-1])
        return unknown_name("setting", str(item["loc"][-1]), owner)
    return f"{item['msg']} (found {item['input']!r})" if item["type"] != "value_error" else str(item["ctx"]["error"])


def _fields_at(location: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = Experiment
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        model = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return list(model.model_fields)
