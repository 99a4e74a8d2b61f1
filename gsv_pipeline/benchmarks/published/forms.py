"""The forms in which published benchmarks lie on disks, as rows state them; `benchmarks/formats/` reads them."""

from collections.abc import Sequence
from typing import Any, Final

from gsv_pipeline.benchmarks.rows import Form

LOAD: Final = "gsv_pipeline.benchmarks.formats.recognise:load"
_FORMATS: Final = "gsv_pipeline.benchmarks.formats"


def numpy_lists(stem: str, *, positives: Sequence[str] = ("gt",), chosen: str | None = None) -> Form:
    """`<stem>_dbImages.npy`, `<stem>_qImages.npy`, `<stem>_<positives>.npy`, as in gsv-cities.

    Args:
        stem: What the files begin with.
        positives: What the file of positives may end with; nothing where the answers are hidden.
        chosen: What the file of the rows of queries that count ends with; None where all count.
    """
    files = {"database": f"{stem}_dbImages.npy", "queries": f"{stem}_qImages.npy"}
    truth = tuple(f"{stem}_{ending}.npy" for ending in positives)
    if chosen is not None:
        files["chosen"] = f"{stem}_{chosen}.npy"
    shown = ", ".join([*files.values(), *truth[:1]])
    return Form(f"{_FORMATS}.numpy_lists:find", f"the lists of gsv-cities ({shown})", {**files, "positives": truth})


def utm_folders(split: str, *, queries: str = "queries", inside: tuple[str, ...] = (), **more: Any) -> Form:
    """`images/<split>/database` and `images/<split>/<queries>` with `@UTM@` names, as VPR-datasets-downloader writes.

    Args:
        split: `val` or `test`.
        queries: Name of the folder of queries.
        inside: Names of the folder that holds `images/`, for who keeps several data sets side by side.
        more: `frame_window`, `condition`, `made_up_metres`.
    """
    arguments = {"split": split, "queries": queries, "inside": inside, **more}
    looks = f"folders of VPR-datasets-downloader (images/{split}/database and images/{split}/{queries})"
    return Form(f"{_FORMATS}.utm_folders:find", looks, arguments)


def vpr_bench(*names: str, **more: Any) -> Form:
    """`ref/`, `query/` and `ground_truth_new.npy`, as in VPR-Bench.

    Args:
        names: Of the folder that holds them, for who keeps several data sets side by side.
        more: `exact_pair` or `frames_per_query` and `frame_window`, where the ground truth needs no file.
    """
    looks = "a folder of VPR-Bench (ref/, query/ and ground_truth_new.npy)"
    return Form(f"{_FORMATS}.vpr_bench:find", looks, {"names": names, **more})


def paired_folders(database: str, queries: str) -> Form:
    """Two folders in which files of one stem belong together."""
    looks = f"{database}/ and {queries}/ with a pair of images under each name"
    return Form(f"{_FORMATS}.paired_folders:find", looks, {"database": database, "queries": queries})
