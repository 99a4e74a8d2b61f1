"""What is wrong with what a person wrote, as sentences: the setting, what was found, what was expected. No files."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from gsv_pipeline.config.experiment import Experiment, Part
from gsv_pipeline.registry import unknown_name

EXTENDS: Final = "extends"
"""Stands in the file of an experiment, and in no model of it."""
NOT_WRITTEN: Final = ("name", "overrides")
"""Fields of an experiment that its file cannot set: they come from the file's name and from the command line."""

_CLOSE: Final = 0.6
_EDITS: Final = 3
"""Letters that two close names do not share. Names of experiments have long endings in common, so a share of equal
letters alone would find `boq_resnet50` close to `foo_resnet50`: the limit of both tells a slip from another name."""
_GUESSES: Final = 3
_LONGEST: Final = 80  # characters of a value that is quoted

_KINDS: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text, in quotes if it looks like a number",
    "path_type": "the path of a file",
    "tuple_type": "a list, such as [a, b]",
    "dict_type": "a mapping, such as {{size: 3}}",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "literal_error": "{expected}",
    "invalid_key": "a setting's name",
}
"""Kind of a fault, as pydantic calls it -> what was expected."""

_PATTERNS: Final[Mapping[str, str]] = {
    "name": "a file name of lowercase letters, digits, '_', '-' and '.', a letter or digit first: rename it",
    "callable": "module:function, such as my_models:describe",
}


def unknown_experiment(name: str, known: Collection[str]) -> str:
    """The sentence for an experiment that is not there: names that are close, not all of dozens."""
    likely = sorted((-_likeness(name, other), other) for other in known if _likeness(name, other))
    if not likely:
        return f"Unknown experiment '{name}', none of the {len(known)} is called alike: gsv-pipeline list shows them."
    guess = " or ".join(f"'{other}'" for _, other in likely[:_GUESSES])
    return f"Unknown experiment '{name}'. Did you mean {guess}? gsv-pipeline list shows all {len(known)}."


def _likeness(name: str, other: str) -> float:
    """Share of equal letters; 0 unless one is a slip of the other, or its beginning."""
    matcher = difflib.SequenceMatcher(None, name, other)
    edits = len(name) + len(other) - 2 * sum(block.size for block in matcher.get_matching_blocks())
    is_close = edits <= _EDITS and matcher.ratio() >= _CLOSE
    return matcher.ratio() if is_close or other.startswith(f"{name}_") else 0.0


def faults_of(error: ValidationError, model: type[BaseModel], *, whole: str) -> list[str]:
    """A sentence for each thing that does not fit, behind the setting with dots for what is nested.

    Args:
        error: As pydantic raised it.
        model: What was validated.
        whole: What stands before a fault of all settings together, such as "benchmark".
    """
    return [f"  {'.'.join(map(str, item['loc'])) or whole}: {_sentence(item, model)}" for item in error.errors()]


def _sentence(item: Any, model: type[BaseModel]) -> str:
    kind, location, found = item["type"], item["loc"], _shown(item["input"])
    if kind == "extra_forbidden":
        return unknown_name("setting", str(location[-1]), _settings_at(location[:-1], model))
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "missing":
        return "it is missing" + (f"; gsv-pipeline list shows what '{location[-2]}' can be." if location[1:] else ".")
    if kind == "model_type":
        return f"found {found}, expected {_block(location, item['input'], model)}."
    expected = _PATTERNS.get(str(location[-1])) if kind == "string_pattern_mismatch" else _KINDS.get(kind)
    if expected is None:
        return f"found {found}, and that does not fit: {item['msg']}."
    return f"found {found}, expected {expected.format_map(item.get('ctx', {}))}."


def _block(location: Sequence[int | str], found: Any, model: type[BaseModel]) -> str:
    """What stands where a mapping is wanted: a part of the model is named, all else has settings of its own."""
    if _model_at(location, model) is Part:
        return f"a name and its arguments: {{name: {found if isinstance(found, str) else '...'}}}"
    return f"settings below it, any of {', '.join(_settings_at(location, model))}"


def _settings_at(location: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """What a person may write there."""
    there = _model_at(location, model)
    own = [name for name in there.model_fields if there is not Experiment or name not in NOT_WRITTEN]
    return [*own, EXTENDS] if there is Experiment else own


def _model_at(location: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        model = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return model


def _shown(value: Any) -> str:
    if value is None:
        return "no value"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
