"""The record of a run that failed: which steps and checks, what they said, and where to look."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.incidents.secrets import without_secrets
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import write_json

SCHEMA: Final = 1
REGRESSION: Final = "regression"
FAILURE: Final = "failure"
MESSAGE_LENGTH: Final = 3000
"""Slack cuts longer texts in the middle (4,000 characters) or into several messages."""
_LINE_LENGTH: Final = 400


@dataclass(frozen=True, slots=True)
class Failed:
    """A step or a check that failed.

    Args:
        name: `catalog__demo`, or `recall_report/demo_test: not_worse`.
        message: What it said.
    """

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Incident:
    """A run that failed.

    Args:
        run: Its id.
        job: Its job.
        partition: Its experiment; empty where it has none.
        created: When it was asked for, as ISO 8601.
        message: What Dagster says of the run as a whole.
        steps: That failed.
        checks: Blocking ones that did not pass: something became worse, or is not what it must be.
        links: Title -> file or address.
    """

    run: str
    job: str
    partition: str
    created: str
    message: str = ""
    steps: tuple[Failed, ...] = ()
    checks: tuple[Failed, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """A failed check is a regression; anything else is a failure."""
        return REGRESSION if self.checks else FAILURE


def write_incident(layout: Layout, incident: Incident) -> Path:
    """Write the file of a run below the data root, in place of what was known of the same run before.

    Returns:
        `incidents/<when>_<run>.json`.

    Raises:
        OSError: The data root is full or read-only.
    """
    path = layout.incident(f"{incident.created[:19].replace(':', '')}_{incident.run[:8]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Steps that fail at the same time each write it: under names of their own, then renamed.
    own = path.with_name(f".{path.name}.{os.getpid()}")
    write_json(own, _without_secrets({"schema": SCHEMA, "kind": incident.kind, **asdict(incident)}))
    return own.replace(path)


def message_of(incident: Incident, *, file: Path | None = None) -> str:
    """The incident as a few lines for people: what failed, why, and where to look.

    Args:
        incident: What happened.
        file: Where it was written.
    """
    where = f" ({incident.partition})" if incident.partition else ""
    title = "A check did not pass" if incident.checks else "A run failed"
    failed = [*incident.checks, *incident.steps] or [Failed("run", incident.message or "Dagster gives no reason.")]
    lines = [f"- {item.name}: {_shortened(item.message)}" for item in failed]
    links = [f"{name}: {without_secrets(link)}" for name, link in incident.links.items()]
    ends = [*links, *([f"incident: {file}"] if file else [])]
    head = f"gsv-pipeline: {title}: {incident.job}{where}, run {incident.run[:8]}"
    room = MESSAGE_LENGTH - len("\n".join([head, *ends])) - 1
    body = "\n".join(lines)
    return "\n".join([head, body if len(body) <= room else f"{body[: room - 2]} …", *ends])


def _shortened(text: str) -> str:
    """The text on one line; without secrets before it is cut, since half of one would not be recognised."""
    line = " ".join(without_secrets(text).split())
    return line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]} …"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value
