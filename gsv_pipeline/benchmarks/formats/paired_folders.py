"""Two folders in which files of one stem belong together, as AmsterTime is published."""

from pathlib import Path, PurePosixPath

from gsv_pipeline.benchmarks.data import BenchmarkData
from gsv_pipeline.benchmarks.formats.sides import image_names, side_table
from gsv_pipeline.benchmarks.ground_truth import positives_by_label
from gsv_pipeline.errors import DataError


def find(root: Path, lists: Path | None, *, database: str, queries: str) -> BenchmarkData | None:
    """Both sides, each query with the database image of its stem.

    Args:
        root: Folder that holds both, or one up to two levels above it.
        lists: Unused: the names say everything.
        database: Name of a folder.
        queries: Name of the other.

    Returns:
        None where there are no such folders.

    Raises:
        DataError: A query without its counterpart.
    """
    folders = (path.parent for pattern in (database, f"*/{database}", f"*/*/{database}") for path in root.glob(pattern))
    folder = next((path for path in sorted(folders) if (path / queries).is_dir()), None)
    if folder is None:
        return None
    names = {side: image_names(folder / name) for side, name in (("database", database), ("queries", queries))}
    stems = {side: [PurePosixPath(name).with_suffix("").as_posix() for name in found] for side, found in names.items()}
    lonely = sorted(set(stems["queries"]) - set(stems["database"]))
    if lonely:
        raise DataError(
            f"{len(lonely):,} of {len(names['queries']):,} images in {folder / queries} have no counterpart in "
            f"{folder / database}: {', '.join(lonely[:3])}. Expected an image of the same name in both."
        )
    where = folder.relative_to(root)
    tables = {
        side: side_table(names[side], inside=(where / name).as_posix())
        for side, name in (("database", database), ("queries", queries))
    }
    positives = positives_by_label(stems["queries"], stems["database"])
    return BenchmarkData(tables["database"], tables["queries"], positives)
