"""Artifacts of one text file, made the way stages make theirs."""

import pytest

from gsv_pipeline.production import Output, produce
from gsv_pipeline.tracking import NullTracker


def writes(text="rows", **metadata):
    def write(folder):
        (folder / "table.txt").write_text(text)
        return Output(metadata or {"images": 3})

    return write


def never(folder):
    pytest.fail("this should have been cached or refused")


def make(layout, recipe, write=None, tracker=None, **options):
    return produce(layout, recipe, write or writes(), tracker=tracker or NullTracker(), **options)


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
