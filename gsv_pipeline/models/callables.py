"""`module:function` in an experiment: where it is, whether it can be called like this, and the model that it gives."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from gsv_pipeline.errors import ConfigError, GsvError
from gsv_pipeline.models.external import Describe, ExternalModel
from gsv_pipeline.models.module_file import ModuleFile, find_module
from gsv_pipeline.registry import unknown_name


def build_external(reference: str, arguments: Mapping[str, Any] | None, *, folders: Sequence[Path]) -> ExternalModel:
    """Load the callable behind `module:function`.

    Args:
        reference: Dots lead into packages, and after the colon into classes.
        arguments: With them the callable is a factory: what it returns for them describes images.
        folders: Where modules are looked for before Python's own path.

    Raises:
        ConfigError: No such module or function, one that cannot be imported or called like this.
    """
    found = find_module(reference, folders)
    with _importable(found):
        function = _function(reference, found)
        _check_call(reference, function, arguments)
        made = function if arguments is None else _made(reference, function, arguments)
    return ExternalModel(reference, made).eval()


def check_external(reference: str, arguments: Mapping[str, Any] | None, *, folders: Sequence[Path]) -> None:
    """Import the module and compare its function with how it would be called, without calling it.

    Raises:
        ConfigError: As `build_external`, as far as that shows without a call.
    """
    found = find_module(reference, folders)
    with _importable(found):
        _check_call(reference, _function(reference, found), arguments)


@contextmanager
def _importable(found: ModuleFile) -> Iterator[None]:
    """Let an own module import its neighbours, leave no compiled files beside it, and forget it in the end.

    So each time it is what its file says now, and equal names in two folders do not meet.
    """
    if not found.is_own:
        yield
        return
    writes, root, before = sys.dont_write_bytecode, str(found.root), set(sys.modules)
    sys.dont_write_bytecode = True
    sys.path.insert(0, root)
    try:
        yield
    finally:
        sys.path.remove(root)
        sys.dont_write_bytecode = writes
        for name in set(sys.modules) - before:
            if _lies_in(found.root, name):
                del sys.modules[name]


def _lies_in(root: Path, name: str) -> bool:
    """Whether a module was imported from `root` itself; an environment of Python may lie deeper in it."""
    module, top = sys.modules[name], root / name.partition(".")[0]
    # A folder without __init__.py is a package without a file.
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return file is not None and (Path(file) == top.with_suffix(".py") or Path(file).is_relative_to(top))


def _function(reference: str, found: ModuleFile) -> Any:
    module, names = _imported(reference, found), reference.partition(":")[2].split(".")
    try:
        return reduce(getattr, names, module)
    except AttributeError as error:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise ConfigError(f"callable '{reference}': {unknown_name('function', '.'.join(names), public)}") from error


def _imported(reference: str, found: ModuleFile) -> ModuleType:
    try:
        module = importlib.import_module(found.name)
    except Exception as error:
        raise ConfigError(
            f"callable '{reference}': {found.file} cannot be imported: {type(error).__name__}: {error}. What it "
            "imports itself has to lie beside it, be installed, or be on PYTHONPATH."
        ) from error
    if Path(module.__file__ or "").resolve() != found.file.resolve():
        raise ConfigError(
            f"callable '{reference}': the name '{found.name}' is taken by {module.__file__}. Rename {found.file}."
        )
    return module


def _check_call(reference: str, function: Any, arguments: Mapping[str, Any] | None) -> None:
    if not callable(function):
        raise ConfigError(
            f"callable '{reference}' is a {type(function).__name__}; expected a function of images, or a torch module."
        )
    if arguments is None and inspect.isclass(function):
        raise ConfigError(f"callable '{reference}' is a class. Say what it is built with: arguments: {{}} for nothing.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C: only the call will tell
    try:
        signature.bind(**arguments) if arguments is not None else signature.bind(None)
    except TypeError as error:
        hint = (
            "arguments: in the experiment are given to it by name"
            if arguments is not None
            else "expected one argument, the images; with arguments: {} in the experiment it is called first, and what "
            "it returns describes images"
        )
        raise ConfigError(f"callable '{reference}' takes {signature}: {error}; {hint}.") from error


def _made(reference: str, factory: Callable[..., Any], arguments: Mapping[str, Any]) -> Describe:
    try:
        made = factory(**arguments)
    except GsvError:
        raise
    except Exception as error:
        raise ConfigError(
            f"callable '{reference}' failed when it was built: {type(error).__name__}: {error}"
        ) from error
    if not callable(made):
        raise ConfigError(
            f"callable '{reference}' was built with arguments and returned a {type(made).__name__}; expected a "
            "function of images, or a torch module. Without arguments: it is called with images itself."
        )
    describe: Describe = made
    return describe
