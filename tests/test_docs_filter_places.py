"""docs/filter_places.md: what it says is done as it stands there, and everything is printed as it stands there."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from gsv_pipeline.sources.demo import dataset
from gsv_pipeline.sources.demo.plan import Sizes, plan_cities
from gsv_pipeline.sources.published import IMAGES
from tests.docs_commands import assert_all_run
from tests.pictures.__main__ import HTML, PAGE, TAKEN, WIDTH
from tests.pictures.browser import CHROMIUM, LARGEST, opened, take
from tests.pictures.pages import DOCS, PICTURE, PICTURES, Typed, steps, typed
from tests.pictures.reader import type_in, write_file
from tests.published import save_photo
from tests.tiny import TINY_TRAINING


@dataclass(frozen=True, slots=True)
class Followed:
    """A command of the page as it was typed, its exit code, and what was printed."""

    command: Typed
    code: int
    printed: str


def save_noise(_: object, *, target: Path, sizes: Sizes, seed: int, workers: int) -> Iterator[int]:
    """Who was photographed where and when is as it is; drawing the streets would take most of a minute."""
    for city in plan_cities(sizes, seed):
        for place in city.places:
            for shot in place.shots:
                file = target / IMAGES / city.name / shot.file_name(city.name)
                save_photo(file, zlib.crc32(shot.panoid.encode()))
            yield len(place.shots)


def height_of(file: Path) -> int:
    with Image.open(file) as picture:
        return picture.height


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world") / "data"


@pytest.fixture(scope="module")
def followed(root: Path) -> list[Followed]:
    done = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        patch.setattr(dataset, "num_cores", lambda: 2)
        patch.setattr(dataset, "render_in_processes", save_noise)
        for step in steps(PAGE):
            if step.file:
                write_file(step, root)
            for command in typed(step):
                tiny = TINY_TRAINING if command.arguments[1] == "train" else ()
                done.append(Followed(command, *type_in(command, root, tiny)))
    return done


@pytest.mark.slow
def test_every_command_prints_what_the_page_shows(followed: list[Followed]) -> None:
    for one in followed:
        if one.command.output is None:
            assert one.code == 0, f"{one.command.command}\n{one.printed}"
        else:
            assert one.printed == one.command.output, one.command.command
            assert one.code == (2 if one.printed.startswith("Error: ") else 0)
    names = [one.command.arguments[1] for one in followed]
    assert names == ["fetch", "catalog", *["show"] * 7, "check", "places", "train"]
    assert_all_run(PAGE, [one.command.text for one in followed], by=__file__)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")
def test_the_script_finds_what_it_takes_pictures_of(followed: list[Followed], root: Path, tmp_path: Path) -> None:
    with opened(WIDTH) as page:
        for name, (first, last) in TAKEN.items():
            take(page, root / HTML, first=first, last=last, target=tmp_path / name)
    heights = {name: height_of(tmp_path / name) for name in TAKEN}
    assert min(heights.values()) > 100
    assert heights["filter_places_all.png"] == max(heights.values())


def test_every_option_that_is_named_in_passing_exists(tmp_path: Path) -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    helps = [_help(command, tmp_path) for command in (["show", "places"], ["train"])]
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert any(option in shown for shown in helps), option


def test_the_pictures_of_the_page_are_those_that_the_script_takes_and_they_are_small() -> None:
    linked = [step.text for step in steps(PAGE) if step.kind == PICTURE]
    assert sorted(linked) == sorted(TAKEN)
    for name in linked:
        file = PICTURES / name
        assert file.stat().st_size <= LARGEST
        with Image.open(file) as picture:
            assert picture.width == WIDTH


def _help(command: Sequence[str], root: Path) -> str:
    from click.testing import CliRunner

    from gsv_pipeline.cli import cli

    return CliRunner().invoke(cli, ["--data-root", str(root), *command, "--help"]).output
