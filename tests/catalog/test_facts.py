"""From look to look: a file is another image if, and only if, its bytes are others, as far as they were read."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gsv_pipeline.catalog import images
from gsv_pipeline.catalog.facts import Facts, is_known_in_part
from gsv_pipeline.catalog.headers import COVERED_BYTES
from gsv_pipeline.catalog.images import image_facts
from gsv_pipeline.tracking import NullTracker

MIDDLE = 6_000  # inside the comment: neither head nor tail, and nothing that is decoded
NAME = "a.jpg"


class File:
    """A JPEG on disk with what is known of it; every change gets a time of its own."""

    def __init__(self, folder: Path, comment_bytes: int = 16_000, *, in_small_city: bool = False) -> None:
        self.path, self.in_small_city = folder / NAME, in_small_city
        self.folder, self.clock, self.count = folder, 1_000_000_000, 0
        pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(self.path, comment=b"-" * comment_bytes)
        self.first = self.path.read_bytes()
        self.facts: Facts | None = None
        self.touch()

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.touch()

    def touch(self) -> None:
        self.clock += 1
        os.utime(self.path, (self.clock, self.clock))

    def change_middle(self, *, keep_time: bool = False) -> None:
        self.count += 1
        data = bytearray(self.path.read_bytes())
        data[MIDDLE : MIDDLE + 8] = self.count.to_bytes(8, "little")
        status = self.path.stat()
        self.write(bytes(data))
        if keep_time:
            os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def replace(self) -> None:
        self.count += 1
        self.write(self.first[:-2] + b"\xff\xfe\x00\x0a" + self.count.to_bytes(8, "little") + b"\xff\xd9")

    def restore(self) -> None:
        self.write(self.first)

    def damage(self) -> None:
        self.write(self.path.read_bytes()[:-40])

    def look(self, level: str = "quick", *, again: bool = False) -> Facts:
        before = {} if self.facts is None else {NAME: self.facts}
        with pytest.MonkeyPatch.context() as patch:
            if not self.in_small_city:
                patch.setattr(images, "SMALL_CITY_BYTES", 0)
            (self.facts,) = image_facts(
                str(self.folder), [NAME], before=before, level=level, again=again, tracker=NullTracker(), description=""
            )
        return self.facts


@pytest.fixture
def file(tmp_path):
    return File(tmp_path)


CHANGES = st.sampled_from(["touch", "change_middle", "replace", "restore", "damage"])
LOOKS = st.sampled_from(["quick", "full", "names", "again"])


def walk(folder, steps, *, first_look, in_small_city=False):
    """(bytes, published token) at every look at a sound file; names alone tell nothing new."""
    file = File(folder, in_small_city=in_small_city)
    file.look(first_look)
    seen = [(file.first, file.facts.content)]
    for change, look in steps:
        getattr(file, change)()
        facts = file.look("quick" if look == "again" else look, again=look == "again")
        if look != "names" and not facts.problem:
            seen.append((file.path.read_bytes(), facts.content))
    return seen


@pytest.mark.parametrize(("first_look", "in_small_city"), [("full", False), ("quick", True)])
@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(CHANGES, LOOKS), max_size=12))
def test_once_read_whole_equal_bytes_are_one_image_and_others_another(
    tmp_path_factory, first_look, in_small_city, steps
):
    seen = walk(tmp_path_factory.mktemp("file"), steps, first_look=first_look, in_small_city=in_small_city)
    for data, content in seen:
        assert [other == content for _, other in seen] == [other == data for other, _ in seen]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["touch", "change_middle"]), LOOKS), max_size=10))
def test_without_a_full_look_no_change_of_bytes_and_time_is_missed(tmp_path_factory, steps):
    seen = walk(tmp_path_factory.mktemp("file"), steps, first_look="quick")
    for data, content in seen:
        assert all(other_data == data for other_data, other in seen if other == content)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CHANGES, LOOKS), max_size=10))
def test_of_a_small_file_every_look_sees_every_byte(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("file")
    file = File(folder, comment_bytes=10)
    assert file.path.stat().st_size < COVERED_BYTES
    file.look("quick")
    seen = [(file.first, file.facts.content)]
    for change, look in steps:
        if change == "change_middle":
            continue  # there is no comment to change
        getattr(file, change)()
        facts = file.look("quick" if look == "again" else look, again=look == "again")
        if look != "names" and not facts.problem:
            seen.append((file.path.read_bytes(), facts.content))
    for data, content in seen:
        assert [other == content for _, other in seen] == [other == data for other, _ in seen]


def test_touching_often_makes_one_other_image_at_most(file):
    contents = [file.look().content]
    for _ in range(5):
        file.touch()
        contents.append(file.look().content)
    assert len(set(contents[1:])) == 1  # whether the first touch changed bytes nobody could know


def test_a_small_city_that_was_looked_at_before_is_read_whole_once(file, monkeypatch):
    first = file.look()
    assert is_known_in_part(first)
    file.in_small_city = True
    known = file.look()  # no time has changed
    assert (known.content, is_known_in_part(known)) == (first.content, False)
    file.touch()
    assert file.look().content == first.content
    monkeypatch.setattr(images, "look_all", None)
    assert file.look() == file.facts  # and nothing is read when nothing has changed


def test_what_was_replaced_and_put_back_is_the_image_that_it_was(file):
    first = file.look().content
    file.replace()
    assert file.look().content != first
    file.restore()
    assert file.look().content == first
    file.damage()
    assert file.look().problem == "truncated_image"
    file.restore()
    assert file.look().content == first


def test_rot_without_a_time_is_seen_by_a_full_look_alone(file):
    first = file.look("full").content
    file.change_middle(keep_time=True)
    assert file.look("quick").content == first
    assert file.look("full").content != first


def corrupt(file):
    """Damage that only decoding finds: in the middle of the pixels."""
    data = bytearray(file.path.read_bytes())
    at = len(data) - COVERED_BYTES
    data[at : at + 600] = bytes(600)
    file.write(bytes(data))


def test_damage_found_by_decoding_stays_found_after_a_touch(tmp_path):
    file = File(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file.path)
    file.touch()
    sound = file.look("full").content
    whole = file.path.read_bytes()
    corrupt(file)
    assert file.look("full").problem == "undecodable_image"
    file.touch()
    assert file.look("quick").problem == "undecodable_image"
    assert file.look("quick").problem == "undecodable_image"
    file.write(whole)
    mended = file.look("quick")
    assert (mended.problem, mended.content) == ("", sound)


def test_a_file_that_went_and_came_back_is_looked_at_again(file):
    first = file.look().content
    data = file.path.read_bytes()
    file.path.unlink()
    assert file.look().problem == "missing_image"
    file.write(data)
    facts = file.look()
    assert (facts.problem, facts.content, facts.width) == ("", first, 80)
