"""The exceptions this project raises on purpose.

GsvError
├── InputError            what the user gave is wrong; the CLI exits with 2
│   ├── ConfigError       an experiment, a name or an argument
│   ├── DataError         images, tables, checkpoints or a data root
│   │   └── BrokenImageError   images that have no descriptor
│   └── StaleInputError   an artifact that a stage reads is missing or out of date
└── RunError              the work itself failed; the CLI exits with 1
    ├── LockTimeoutError  another run held an artifact for too long
    └── TrainingError     the loss or the weights stopped being finite

StoppedError              asked to stop (SIGTERM); a BaseException; the CLI exits with 143, or 130 for Ctrl-C
"""

import signal
from collections.abc import Mapping, Sequence


class GsvError(Exception):
    """Root of every deliberate failure.

    Args:
        message: What was found, what was expected, what to do next.
        details: The same facts as plain values, shown as metadata in Dagster.
    """

    def __init__(self, message: str, details: Mapping[str, str | int | float] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class InputError(GsvError):
    """What the user gave cannot be worked with. Trying again without a change will not help."""


class ConfigError(InputError):
    """An unknown name, an unexpected argument or a value out of range in an experiment."""


class DataError(InputError):
    """Images, tables, checkpoints or the data root are not what they should be."""


class BrokenImageError(DataError):
    """Images that cannot be read stopped their description; what was described before is kept."""


class StaleInputError(InputError):
    """A stage reads an artifact that is missing, or that was made from something else."""


class RunError(GsvError):
    """The work failed although its input was accepted."""


class LockTimeoutError(RunError):
    """Another run held the artifact's lock for longer than this one was willing to wait."""


class TrainingError(RunError):
    """Training cannot go on: a loss that is not finite, for example."""


class StoppedError(BaseException):
    """The process was asked to stop. Like KeyboardInterrupt no Exception, so that no `except Exception` eats it.

    Args:
        message: By what.
        number: Of the signal.
    """

    def __init__(self, message: str = "stopped", number: int = signal.SIGTERM) -> None:
        super().__init__(message)
        self.number = int(number)


def few(items: Sequence[object], shown: int = 5) -> str:
    """The first `shown` of them for a message, and how many more there are: `a, b and 2 more`."""
    more = f" and {len(items) - shown:,} more" if len(items) > shown else ""
    return ", ".join(map(str, items[:shown])) + more
