"""Values that an experiment sets, checked where they are used. Names are the registry's business."""

import math

from gsv_pipeline.errors import ConfigError


def require_whole(owner: str, *, least: int = 1, **arguments: object) -> None:
    """Refuse whatever is not a whole number of at least `least`.

    Args:
        owner: Who takes the arguments, as the reader knows it ("aggregator 'convap'").
        least: Smallest accepted value.
        **arguments: Name -> value, as the experiment gave it.

    Raises:
        ConfigError: A value is not a whole number, or too small.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{owner}: '{name}' is {value!r}; expected a whole number of {least} or more.")


def require_number(
    owner: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    **arguments: object,
) -> None:
    """Refuse whatever is not a finite number in `[least, below)` and over `above`.

    Args:
        owner: Who takes the arguments.
        least: Smallest accepted value.
        above: Accepted values are larger than this.
        below: Accepted values are smaller than this.
        **arguments: Name -> value, as the experiment gave it.

    Raises:
        ConfigError: A value is no number, not finite or out of range.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            # YAML 1.1 reads 1e-6 as text; nobody guesses that.
            hint = " (in YAML write 1.0e-6, since 1e-6 is text)" if isinstance(value, str) else ""
            raise ConfigError(f"{owner}: '{name}' is {value!r}; expected a number{hint}.")
        if not math.isfinite(value) or value < least or value <= above or value >= below:
            raise ConfigError(f"{owner}: '{name}' is {value!r}; expected {_range(least, above, below)}.")


def require_wholes(owner: str, *, least: int = 1, **arguments: object) -> None:
    """Refuse whatever is not a list of whole numbers of at least `least`; it may be empty.

    Args:
        owner: Who takes the arguments.
        least: Smallest accepted member.
        **arguments: Name -> value, as the experiment gave it.

    Raises:
        ConfigError: A value is no list, or one of its members is not a whole number, or too small.
    """
    for name, value in arguments.items():
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{owner}: '{name}' is {value!r}; expected a list of whole numbers.")
        for member in value:
            require_whole(owner, least=least, **{name: member})


def require_flag(owner: str, **arguments: object) -> None:
    """Refuse whatever is not true or false.

    Raises:
        ConfigError: A value is something else.
    """
    for name, value in arguments.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{owner}: '{name}' is {value!r}; expected true or false.")


def _range(least: float, above: float, below: float) -> str:
    bounds = [f"{least:g} or more"] if math.isfinite(least) else []
    bounds += [f"more than {above:g}"] if math.isfinite(above) else []
    bounds += [f"less than {below:g}"] if math.isfinite(below) else []
    return "a number, " + " and ".join(bounds) if bounds else "a finite number"
