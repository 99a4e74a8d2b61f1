"""Small data sets as archives, good and bad ones, and a data root that holds one of them when something goes wrong."""

import gzip
import io
import random
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from gsv_pipeline import cli, stages
from gsv_pipeline.layout import Layout
from gsv_pipeline.production import StageResult
from gsv_pipeline.sources.location import image_root
from gsv_pipeline.sources.published import read_listing
from gsv_pipeline.tracking import NullTracker
from tests.published import Shot, image_name, write_csv

DATASET = "town"
SIZE = (64, 48)
_OF_RUNS = re.compile(r"\.(locks|downloads)|.+\.failed\.json")
"""What runs keep below a data root beside artifacts."""


@cache
def _plain_photo() -> bytes:
    raw = io.BytesIO()
    Image.radial_gradient("L").resize(SIZE).save(raw, "JPEG")
    return raw.getvalue()


def photo(text: str) -> bytes:
    """A JPEG with a comment: one picture, but never the same bytes."""
    comment = text.encode()
    plain = _plain_photo()
    return plain[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + plain[2:]


def city_files(
    folder: Path, city: str, shots: Sequence[Shot], *, rows: int | None = None, encoding: str = "utf-8"
) -> dict[str, bytes]:
    """A city in the published layout, with the first `rows` rows of its CSV only.

    Args:
        folder: Scratch.
        city: Its name, in folders, file names and the CSV.
        shots: Its images.
        rows: All of them if None.
        encoding: Of the CSV.
    """
    csv = write_csv(folder, city, shots[:rows])
    files = {f"Images/{city}/{image_name(city, shot)}": photo(f"{city} {shot.panoid}") for shot in shots}
    return {**files, f"Dataframes/{city}.csv": csv.read_text(encoding="utf-8").encode(encoding)}


def zipped(files: Mapping[str, bytes], *, below: str = "town/", kind: int = stat.S_IFREG) -> bytes:
    """A zip; `kind` is the type of its last member. The same files give the same bytes."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(files.items(), start=1):
            info = zipfile.ZipInfo(below + name if name[:1] not in "./" else name, (2024, 1, 2, 3, 4, 6))
            info.external_attr = ((kind if number == len(files) else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return raw.getvalue()


def tarred(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    """A gzipped tar, symbolic links first."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, leads_to in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, leads_to
            archive.addfile(link)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 6)


@cache
def bomb(pack: Callable[[Mapping[str, bytes]], bytes]) -> bytes:
    """An archive of 1.1 MB that unpacks to a hundred times that."""
    return pack({"Images/Rome/a.JPG": random.Random(1).randbytes(1_000_000), "Images/Rome/b.JPG": bytes(110_000_000)})


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `folder` with time and bytes, every folder and link by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        is_file = path.is_file() and not path.is_symlink()
        facts = (path.stat().st_mtime_ns, path.read_bytes()) if is_file else (0, b"")
        found[path.relative_to(folder).as_posix()] = facts
    return found


@dataclass(frozen=True, slots=True)
class Town:
    """A data root with a data set that was fetched and catalogued, in a folder with nothing else in it.

    Args:
        layout: The data root.
        dataset: Name of the data set.
    """

    layout: Layout
    dataset: str = DATASET

    @property
    def version(self) -> str:
        """Of the files that are there."""
        return read_listing(image_root(self.layout.dataset(self.dataset))).version

    def fetch(self, **arguments: Any) -> StageResult:
        """The stage, whatever is there."""
        source = "archive" if self.dataset == DATASET else None
        return stages.fetch_dataset(
            self.layout, self.dataset, tracker=NullTracker(), source=source, arguments=arguments, force=True
        )

    def catalog(self, **options: Any) -> StageResult:
        """The stage."""
        return stages.build_catalog(self.layout, self.dataset, tracker=NullTracker(), **options)

    def command(self, name: str, *options: str, **arguments: Any) -> list[str]:
        """The command as a person types it."""
        settings = [f"{key}={value}" for key, value in arguments.items()]
        return ["--data-root", str(self.layout.root), name, self.dataset, *options, *settings]

    def run(self, name: str, *options: str, **arguments: Any) -> int:
        """The exit code of the command."""
        return cli.run(self.command(name, *options, **arguments))

    @contextmanager
    def start(self, said: Path, *options: str, **arguments: Any) -> Iterator[subprocess.Popen[bytes]]:
        """`fetch` as a process of its own, which writes what it says into a file and is gone when the block ends."""
        command = [sys.executable, "-m", "gsv_pipeline.cli", *self.command("fetch", *options, **arguments)]
        with said.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
            try:
                yield process
            finally:
                process.kill()

    def downloaded(self) -> int:
        """Bytes of the part that has arrived."""
        parts = self.layout.downloads(self.dataset).rglob("*.part")
        return sum(part.stat().st_size for part in parts)

    def contents(self) -> dict[str, tuple[int, bytes]]:
        """All artifacts, byte for byte."""
        found = tree(self.layout.root).items()
        return {name: facts for name, facts in found if not any(map(_OF_RUNS.fullmatch, name.split("/")))}

    def outside(self) -> list[str]:
        """What lies beside the data root and below."""
        return [name for name in tree(self.layout.root.parent) if not name.startswith(self.layout.root.name)]


def open_files(folder: Path) -> list[Path]:
    """Files below `folder` that this process has not let go of."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the server's threads open and close sockets meanwhile
            found.append(link.readlink())
    return [path for path in found if path.is_relative_to(folder)]
