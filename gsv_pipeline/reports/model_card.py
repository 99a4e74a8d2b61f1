"""The card that travels with an exported model: what it reaches, on what, under which terms, how to use it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jinja2

from gsv_pipeline.reports import tables

CARD_KS: Final = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class CardRecall:
    """One line of the card's recall table.

    Args:
        benchmark: Its name.
        recall_at: K -> fraction.
        interval_at: K -> 95 % interval.
        queries: How many queries.
        database: How many database images.
    """

    benchmark: str
    recall_at: dict[int, float]
    interval_at: dict[int, tuple[float, float]]
    queries: int
    database: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card says.

    Args:
        name: The experiment.
        description: Its own sentence.
        backbone: Row of BACKBONES.
        aggregator: Row of AGGREGATORS.
        descriptor_size: D.
        parameters: Trainable or not.
        height: Pixels of the images it takes.
        width: Pixels.
        interpolation: Of the resize.
        recalls: One line per benchmark, by name.
        terms: What -> the licence it came under.
        origin: What -> value: data versions, code, seed, date.
        onnx_file: Its name; empty without one.
        onnx_difference: Largest difference between ONNX Runtime and torch.
    """

    name: str
    description: str
    backbone: str
    aggregator: str
    descriptor_size: int
    parameters: int
    height: int
    width: int
    interpolation: str
    recalls: Sequence[CardRecall] = ()
    terms: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)
    onnx_file: str = ""
    onnx_difference: float | None = None


def write_model_card(target: Path, card: ModelCard) -> None:
    """Write `card` as Markdown with the front matter that model hubs read."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # Markdown, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=tables.percent, interval=tables.interval)
    text = environment.get_template("model_card.md").render(card=card, ks=CARD_KS)
    target.write_text(text, encoding="utf-8")
