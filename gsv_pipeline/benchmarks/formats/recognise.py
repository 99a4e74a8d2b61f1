"""In which of the forms that are read a user's copy of a benchmark lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.rows import Form
from gsv_pipeline.errors import DataError, few
from gsv_pipeline.registry import resolve

_SHOWN: Final = 8


def load(root: Path, *, lists: Path | None, forms: Sequence[Form], name: str) -> BenchmarkData:
    """The benchmark in the first form that is there.

    Args:
        root: Folder of the images.
        lists: Folder of published lists, where they lie elsewhere.
        forms: What is tried.
        name: Of the benchmark, for messages.

    Raises:
        DataError: It is there in none of them, or in one that is not as it should be.
    """
    for form in forms:
        try:
            found: BenchmarkData | None = resolve(form.find)(root, lists, **form.arguments)
        except DataError as error:
            raise DataError(f"Benchmark '{name}', read as {form.looks_like}: {error}") from error
        except OSError as error:
            raise DataError(f"{error.filename or root} cannot be read: {error.strerror}. Mend it.") from error
        if found is not None:
            return found
    looked_for = "; or ".join(form.looks_like for form in forms)
    shown = sorted(path.name + "/" * path.is_dir() for path in root.iterdir() if not path.name.startswith("."))
    raise DataError(
        f"Benchmark '{name}' is not in {root} (found: {few(shown, _SHOWN) or 'an empty folder'}). "
        f"Expected {looked_for}. Fetch its data set from the folder that holds it, with lists=FOLDER where lists lie "
        "elsewhere."
    )
