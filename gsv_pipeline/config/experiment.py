"""Frozen models of an experiment."""

import shlex
from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from gsv_pipeline.layout import RESERVED_ENDINGS
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

AUTO: Final = "auto"
ORIGINS: Final = ("training", "weights", "callable")
"""Where a model comes from; an experiment names exactly one."""


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
        default=(),
        description="Benchmarks; the first one's R@1 chooses the checkpoint. `auto`: the best that is there.",
    )
    validate_every_epochs: int = Field(default=1, ge=1)
    patience: int | None = Field(
        default=None, ge=1, description="Stop after so many validations without a better one; None: never."
    )
    micro_batch: int | None = Field(
        default=None, ge=1, description="Images through the network at once (gradient caching); None: the whole batch."
    )
    compile: bool = Field(default=False, description="torch.compile the model; where it fails, go on without.")
    checkpoint_every_steps: int = Field(default=200, ge=1)

    @field_validator("validation", mode="before")
    @classmethod
    def _one_name_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("validation")
    @classmethod
    def _auto_stands_alone(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if AUTO in names and len(names) > 1:
            raise ValueError(f"'{AUTO}' stands alone, found {', '.join(names)}: name the benchmarks, or only {AUTO}")
        return names

    @property
    def chooses_validation(self) -> bool:
        """Whether the validation benchmark is left to what is on disk."""
        return self.validation == (AUTO,)


class Experiment(_Frozen):
    """One YAML: data filter, model, and exactly one of `training:`, `weights:` and `callable:`.

    Args:
        name: The file's name without `.yaml`; also the Dagster partition.
        seed: Of weights, batches and augmentation.
        evaluation_image: The input size of descriptions, where it is not that of training; what it leaves out is as in
            `image`. Validation while training is at the size of training.
        weights: A checkpoint file to import in place of training, absolute or relative to the YAML.
        callable: Someone else's model in place of ours, as `module:function`: normalised images [B, 3, H, W] ->
            descriptors [B, D].
        arguments: What `callable` is called with to give such a function; None: it is that function itself.
        overrides: The `key=value` settings that were given for this run; commands that messages name repeat them.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-.]*$")
    description: str = ""
    seed: int = Field(default=1, ge=0)
    dataset: str = "demo"
    places: PlacesFilter = Field(default_factory=PlacesFilter)
    image: ImageInput = Field(default_factory=ImageInput)
    evaluation_image: ImageInput | None = None
    model: ModelParts = Field(default_factory=ModelParts)
    training: Training | None = None
    weights: Path | None = None
    callable: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
    arguments: dict[str, Any] | None = None
    overrides: tuple[str, ...] = Field(default=(), exclude=True, repr=False)

    @field_validator("name")
    @classmethod
    def _is_no_sibling(cls, name: str) -> str:
        if name.endswith(RESERVED_ENDINGS):
            raise ValueError(f"a name may not end in {' or '.join(RESERVED_ENDINGS)}, found '{name}': rename the file")
        return name

    @model_validator(mode="before")
    @classmethod
    def _evaluate_as_trained(cls, values: Any) -> Any:
        parts = [values.get(name) for name in ("image", "evaluation_image")] if isinstance(values, dict) else []
        if len(parts) == 2 and all(isinstance(part, dict) for part in parts):
            return {**values, "evaluation_image": {**parts[0], **parts[1]}}  # type: ignore[dict-item]
        return values

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        given = [name for name in ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "exactly one of 'training', 'weights' and 'callable' is needed, found "
                f"{' and '.join(map(repr, given)) or 'none'}"
            )
        if self.callable is None and self.arguments is not None:
            raise ValueError("'arguments' are those of a 'callable', and there is none")
        if self.callable is not None and self.model != ModelParts():
            raise ValueError("a 'callable' is the whole model: take 'model' out")
        return self

    @model_validator(mode="after")
    def _admits_batches(self) -> Self:
        if self.training and self.training.images_per_place > self.places.min_images_per_place:
            raise ValueError(
                f"training.images_per_place is {self.training.images_per_place}, but places with "
                f"{self.places.min_images_per_place} images are admitted: raise places.min_images_per_place"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_a_model_that_is_not_used(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.callable is not None:
            values.pop("model", None)
        return values

    @property
    def described_image(self) -> ImageInput:
        """The input size at which images are described: `evaluation_image`, else that of training."""
        return self.evaluation_image or self.image

    @property
    def trained_on(self) -> str:
        """The data set that the model learned from; empty where nobody says."""
        is_said = self.callable is None or "dataset" in self.model_fields_set
        return self.dataset if is_said else ""

    @property
    def settings(self) -> str:
        """The settings that were given for this run, as a shell takes them: ' training.epochs=3', or nothing."""
        return "".join(f" {shlex.quote(override)}" for override in self.overrides)

    def to_yaml(self) -> str:
        """The resolved experiment, as it is written next to the checkpoint."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
