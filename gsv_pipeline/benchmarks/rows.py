"""What a row of BENCHMARKS says. Plain values: nothing here imports more than the standard library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

CATALOG: Final = "catalog"
IMAGES: Final = "images"
FOLDERS: Final = "folders"

POSITIVE_RADIUS_M: Final = 25.0  # the field's convention (FIELD 4.1)

COUNT_AS_MISSES: Final = "queries without a positive count as misses"
LEFT_OUT: Final = "queries without a positive are left out, as published"
ALL_HAVE_SOME: Final = "every query has a positive"


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a hit is counted. Exactly one of the ways is set; none where the answers are hidden.

    Args:
        radius_m: A database image within so many metres, these included, is correct.
        frames: One within so many frames of a traverse is correct.
        exact_pair: The one image that belongs to the query is correct.
        listed: What a published list names is correct.
        without_positives: How queries without a positive count, in words.
    """

    radius_m: float | None = None
    frames: int | None = None
    exact_pair: bool = False
    listed: bool = False
    without_positives: str = COUNT_AS_MISSES

    @property
    def words(self) -> str:
        """For tables: `within 25 m, included; queries without a positive count as misses`."""
        way = ""
        if self.radius_m is not None:
            way = f"within {self.radius_m:g} m, included"
        elif self.frames is not None:
            way = f"within ±{self.frames} frame{'s' if self.frames > 1 else ''}"
        elif self.exact_pair:
            way = "the exact pair"
        elif self.listed:
            way = "what the published list names"
        return f"{way}; {self.without_positives}" if way else "answers are hidden: predictions only"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a benchmark should hold.

    Args:
        database: Images; None where nobody has said.
        queries: Images, likewise.
        positives: Of all queries together, likewise.
        about: Which of the three nobody has counted: another number of these is a warning, of the others an error.
        source: Who says so.
    """

    database: int | None = None
    queries: int | None = None
    positives: int | None = None
    about: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A published recall.

    Args:
        model: As its authors call it.
        recall_at: K -> fraction.
        source: Where it is published.
        dimensions: Of the descriptor; None where it is not said.
    """

    model: str
    recall_at: Mapping[int, float]
    source: str
    dimensions: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A way in which a benchmark lies on users' disks.

    Args:
        find: `"module:function"`; `(root, lists, **arguments) -> BenchmarkData | None`, None where nothing is in this
            form. `lists` is the folder of published lists where it was named, else None.
        looks_like: What is looked for, for messages.
        arguments: Of the function.
    """

    find: str
    looks_like: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A benchmark by name.

    Args:
        load: `"module:function"`; the function takes what `takes` says, then `arguments`, and returns `BenchmarkData`.
        dataset: The data set its images come from; empty where they lie in two folders of a user's.
        description: What it is and how a hit is counted.
        licence: Of its images.
        takes: CATALOG: the catalog of `dataset`; IMAGES: the folder of `dataset`, in one of `forms`; FOLDERS: nothing,
            since `arguments` names two folders.
        arguments: Of the loader.
        forms: In which it may lie on a disk, the surest first.
        cities: Cities it tests on; no experiment may train on them.
        variant: Which of several benchmarks of this name, in words; stands in every table that shows a number.
        protocol: How a hit is counted.
        expected: What it should hold.
        source: Paper or page that defines it.
        published: Recalls that others have published.
        redistributable: Whether the licence admits images in reports that are passed on.
        has_positives: False where the answers are hidden, so that only predictions can be written.
        by_experiment: Only cities that an experiment leaves out of its training are used, so it differs by experiment.
        relatives: Data sets that hold the same images as `dataset`, so training on them counts as training on it.
    """

    load: str
    dataset: str
    description: str
    licence: str
    takes: Literal["catalog", "images", "folders"] = "catalog"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    forms: tuple[Form, ...] = ()
    cities: tuple[str, ...] = ()
    variant: str = ""
    protocol: Protocol = field(default_factory=lambda: Protocol(radius_m=POSITIVE_RADIUS_M))
    expected: Counts = field(default_factory=Counts)
    source: str = ""
    published: tuple[Result, ...] = ()
    redistributable: bool = False
    has_positives: bool = True
    by_experiment: bool = False
    relatives: tuple[str, ...] = ()
