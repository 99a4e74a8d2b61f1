"""Archives of every kind, and a folder to unpack them in."""

import calendar
import io
import random
import shutil
import tarfile
import zipfile

from gsv_pipeline.sources.archives.unpack import unpack
from gsv_pipeline.tracking import NullTracker

RNG = random.Random(1)
FILES = {
    "Images/Rome/Rome_0000001_2015_06_090_41.9_12.5_-_aB.JPG": RNG.randbytes(9000),
    "Images/Rome/empty.JPG": b"",
    "Dataframes/Rome.csv": b"place_id,year\n" + b"1,2015\n" * 400,
    "Images/Zürich/ü.JPG": RNG.randbytes(512),  # just a tar block
}
MODIFIED = (2019, 7, 8, 9, 10, 12)
MODIFIED_S = calendar.timegm((*MODIFIED, 0, 0, 0))
ZIPS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
TARS = {"tar": "w:", "gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
KINDS = [*ZIPS, *TARS]


def zipped(files=FILES, method=zipfile.ZIP_DEFLATED, **fields):
    """Bytes of a zip; `fields` are set in every entry."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, MODIFIED)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, content, compress_type=method)
    return raw.getvalue()


def tarred(files=FILES, how="w:", form=tarfile.PAX_FORMAT, **fields):
    """Bytes of a tar; `fields` are set in every header."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=how, format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), MODIFIED_S
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content) if info.size else None)
    return raw.getvalue()


def made(kind, files=FILES):
    return zipped(files, ZIPS[kind]) if kind in ZIPS else tarred(files, TARS[kind])


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Sandbox:
    """A folder in which nothing but `target` may change."""

    def __init__(self, root):
        self.root, self.target = root, root / "target"
        (root / "beside").mkdir()
        (root / "beside" / "precious").write_bytes(b"precious")
        self.fresh()

    def fresh(self):
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.mkdir()

    def unpack(self, content, tracker=None):
        archive = self.root / "set.archive"
        archive.write_bytes(content)
        try:
            return unpack(archive, self.target, tracker=tracker or NullTracker())
        finally:
            assert sorted(path.name for path in self.root.iterdir()) == ["beside", "set.archive", "target"]
            assert tree(self.root / "beside") == {"precious": b"precious"}
            assert archive.read_bytes() == content
