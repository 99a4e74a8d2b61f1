"""How a child process ended, told as what it is: a result, bad input, a failed run, a kill, a crash or a stop."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg

from gsv_pipeline.manifest import read_manifest
from gsv_pipeline.production import StageResult
from gsv_pipeline.tracking.pipes import ERROR, INPUT, RESULT, STOPPED

EXIT_INPUT: Final = 2
SIGNALLED: Final = 128
"""A shell's custom: exit status 128 + n says that signal n was received."""
LAST_LINES: Final = 12
_DAGSTERS_OWN: Final = " - dagster - "
"""The console logger of Dagster writes to the same place."""
_RESUMES: Final = "Materialized again, it goes on from the last state that it saved."


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is over.

    Args:
        code: Its exit status; below zero the signal that ended it.
        messages: What it handed over, `{kind: facts}` each.
        output: The end of what it wrote.
    """

    code: int
    messages: Sequence[Mapping[str, Any]]
    output: str

    def handed_over(self, kind: str) -> Mapping[str, Any] | None:
        """The last message of a kind."""
        return next((message[kind] for message in reversed(self.messages) if kind in message), None)


def result_of(ended: Ended, artifact: Path) -> StageResult:
    """What a command that succeeded has made; where it could not tell, what stands on disk.

    Raises:
        Failure: Nothing stands there.
    """
    facts = ended.handed_over(RESULT)
    if facts is not None:
        return StageResult(Path(facts["artifact"]), facts["metadata"], facts["data_version"], facts["cached"])
    manifest = read_manifest(artifact)
    if manifest is None:
        raise dg.Failure(f"The process ended well, but there is no {artifact}.{_last_lines(ended)}")
    return StageResult(artifact, manifest.metadata, manifest.data_version, cached=False)


def failure_of(ended: Ended, artifact: Path) -> dg.Failure:
    """The failure to raise for a command that did not succeed; `allow_retries` says whether it may go better."""
    told = ended.handed_over(ERROR)
    if told is not None and told["kind"] != STOPPED:
        return dg.Failure(
            told["text"],
            metadata={**told["details"], "error": told["type"]},
            allow_retries=told["kind"] != INPUT,
        )
    number = _signal_of(ended.code)
    if number is None:
        return _failure(ended, artifact, f"ended with exit status {ended.code}.", retry=ended.code != EXIT_INPUT)
    if number in (signal.SIGTERM, signal.SIGINT):
        return _failure(ended, artifact, f"was stopped ({_name(number)}), not by Dagster. {_RESUMES}", retry=False)
    if number == signal.SIGKILL:
        why = "most likely by the kernel because memory ran out, else by a person"
        return _failure(ended, artifact, f"was killed (SIGKILL), {why}. {_RESUMES}")
    return _failure(ended, artifact, f"crashed ({_name(number)}). {_RESUMES}")


def _failure(ended: Ended, artifact: Path, what: str, *, retry: bool = True) -> dg.Failure:
    name = f"{artifact.parent.name}/{artifact.name}"
    return dg.Failure(
        f"The process that makes {name} {what}{_last_lines(ended)}",
        metadata={"exit status": ended.code},
        allow_retries=retry,
    )


def _last_lines(ended: Ended) -> str:
    # A bar rewrites its line: what stands after the last carriage return is what was to be seen.
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in ended.output.rstrip().split("\n")]
    shown = [line for line in lines if line and _DAGSTERS_OWN not in line][-LAST_LINES:]
    return "\n".join([" Its last lines:", *shown]) if shown else ""


def _signal_of(code: int) -> int | None:
    """The signal behind an exit status: -9 from the kernel, 143 from a process that stopped in order."""
    if code < 0:
        return -code
    return code - SIGNALLED if code > SIGNALLED else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals have none
