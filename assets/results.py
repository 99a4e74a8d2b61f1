"""The library's words in Dagster's: StageResult as MaterializeResult, Verdict as check result, GsvError as Failure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import Any, Final

import dagster as dg
from pydantic import Field

from gsv_pipeline.audits import Question, Verdict
from gsv_pipeline.errors import GsvError, InputError
from gsv_pipeline.incidents import without_secrets
from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.production import StageResult

OWNERS: Final = ["team:vpr"]
RECOMPUTE_TAG: Final = "gsv/recompute"
"""A tag, for the default configuration of a job with partitions does not reach `dagster job execute` (Dagster 1.13)."""


class Recompute(dg.Config):
    """Whether an asset is made again."""

    recompute: bool = Field(
        default=False,
        description="Make it again although nothing changed: shows whether packages or hardware have changed it. What "
        "is retrieved then is compared with what was retrieved before.",
    )

    def asked(self, context: dg.AssetExecutionContext) -> bool:
        """Whether it was asked for, here or for the whole run."""
        return self.recompute or asked_of_all(context)


def asked_of_all(context: dg.AssetExecutionContext) -> bool:
    """Whether the whole run makes everything again, as it was made."""
    return context.run.tags.get(RECOMPUTE_TAG) == "true"


@contextmanager
def explained() -> Iterator[None]:
    """Turn the library's errors into failures with the same text, and the details as metadata.

    Raises:
        Failure: For every GsvError; bad input is not tried again. Secrets of the environment are not in it.
    """
    try:
        yield
    except GsvError as error:
        text = without_secrets(str(error))
        details = {
            name: without_secrets(value) if isinstance(value, str) else value for name, value in error.details.items()
        }
        failure = dg.Failure(
            text,
            metadata={**details, "error": type(error).__name__},
            allow_retries=not isinstance(error, InputError),
        )
        # Dagster keeps the text of what was raised first, too.
        raise failure from (error if text == str(error) else None)


def materialized(
    result: StageResult,
    *,
    rows: str = "",
    page: str = "",
    numbers: Mapping[str, float] = MappingProxyType({}),
    sample: Sequence[Mapping[str, str | int | float | bool | None]] = (),
    **pictures: str,
) -> dg.MaterializeResult[None]:
    """What the UI shows of a stage's result.

    Args:
        result: As the stage returned it.
        rows: Which entry of its metadata is the headline number.
        page: Its HTML file.
        numbers: What the UI plots over time and experiments, by name.
        sample: Its first rows.
        pictures: Markdown by title.
    """
    manifest = read_manifest(result.artifact)
    looks: dict[str, Any] = {"page": dg.MetadataValue.path(result.artifact / page)} if page else {}
    looks |= {title.replace("_", " "): dg.MetadataValue.md(text) for title, text in pictures.items()}
    told = {name: shown for name, value in result.metadata.items() if (shown := _in_a_line(value)) is not None}
    if rows in result.metadata:
        told["dagster/row_count"] = int(result.metadata[rows])
    if sample:
        told["sample"] = dg.MetadataValue.table([dg.TableRecord(row) for row in sample])
    origin: dict[str, Any] = {
        "cached": result.cached,
        "made": manifest.created if manifest else "not needed",
        "wall seconds": manifest.wall_seconds if manifest else 0.0,
        "path": dg.MetadataValue.path(result.artifact),
        "dagster/uri": result.artifact.as_uri(),
    }
    facts = {**looks, **numbers, **told, **looks, **origin}  # in this order the UI shows them
    return dg.MaterializeResult(metadata=facts, data_version=dg.DataVersion(result.data_version))


def _in_a_line(value: Any) -> Any:
    """Names or the ends of an interval as one line, an address to click; pictures of the asset show its tables."""
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return dg.MetadataValue.url(value)
    if not isinstance(value, list):
        return value
    if len(value) == 2 and all(isinstance(item, float) for item in value):
        return f"{value[0]} to {value[1]}"
    return ", ".join(map(str, value)) if not any(isinstance(item, Mapping | list) for item in value) else None


def check_results(
    asset: dg.AssetKey, questions: Mapping[str, Question], verdicts: Mapping[str, Verdict]
) -> Iterator[dg.AssetCheckResult]:
    """One result per question; a failure of one that does not block is a warning."""
    for name, question in questions.items():
        verdict = verdicts[name]
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.ERROR if question.blocking else dg.AssetCheckSeverity.WARN,
            description=verdict.message,
            metadata=dict(verdict.facts),
        )


def code_version(*rooms: ModuleType) -> str:
    """The hand-bumped versions of the rooms that make an asset: `models-1 training-1`."""
    return " ".join(f"{room.__name__.rpartition('.')[2]}-{room.VERSION}" for room in rooms)
