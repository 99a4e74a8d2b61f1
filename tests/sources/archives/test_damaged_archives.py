"""Archives that are cut, damaged, encrypted or none at all are refused in words."""

import bz2
import gzip
import itertools
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline.errors import DataError
from gsv_pipeline.sources.archives.members import BadArchiveError
from gsv_pipeline.sources.archives.unpack import unpack
from gsv_pipeline.tracking import NullTracker
from tests.sources.archives.packing import FILES, KINDS, ZIPS, Sandbox, made, tarred, tree, zipped


def test_an_encrypted_zip_says_so(sandbox):
    content = bytearray(zipped({"Images/a": b"secret"}))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    with pytest.raises(BadArchiveError, match=r"is encrypted \('Images/a' needs a password\). Unpack it yourself"):
        sandbox.unpack(bytes(content))


def test_a_way_of_packing_that_python_cannot_read_says_so(sandbox):
    content = bytearray(zipped({"Images/a": b"1" * 99}))
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(signature) + at] = 9  # deflate64: what Windows makes of more than 2 GB
    with pytest.raises(BadArchiveError, match="packs 'Images/a' by method 9, which Python cannot read"):
        sandbox.unpack(bytes(content))


@pytest.mark.parametrize("kind", ZIPS)
def test_a_bit_turned_over_in_a_photograph_is_found(sandbox, kind):
    content = bytearray(made(kind))
    content[len(content) // 2 if kind != "stored" else 200] ^= 1
    with pytest.raises(BadArchiveError, match="set.archive is damaged or cut off .*Get it again"):
        sandbox.unpack(bytes(content))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_anywhere_is_never_taken_for_whole(sandbox, kind):
    whole = made(kind)
    for end in itertools.chain(range(1, len(whole), 997), range(len(whole) - 20, len(whole))):
        sandbox.fresh()
        try:
            sandbox.unpack(whole[:end])
        except BadArchiveError:
            continue
        assert kind == "tar"  # it may lack a part of the empty blocks at its end
        assert tree(sandbox.target) == FILES


def test_a_tar_whose_header_is_broken_in_the_middle_does_not_just_end_there(sandbox):
    content = bytearray(tarred({"a": b"1", "b": b"2", "c": b"3"}))
    content[1024 + 150] ^= 1  # in the checksum of the second header
    with pytest.raises(BadArchiveError, match="no end of archive"):
        sandbox.unpack(bytes(content))


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(KINDS), st.randoms(use_true_random=False))
def test_damage_of_any_kind_ends_in_files_or_in_a_sentence(tmp_path_factory, kind, rng):
    sandbox = Sandbox(tmp_path_factory.mktemp("damage"))
    content = bytearray(made(kind))
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    sentence = "."
    try:
        sandbox.unpack(bytes(content))
    except DataError as error:
        sentence = str(error)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"<!DOCTYPE html><html>",
            r"is no zip or tar \(it starts with b'<!DOCTYPE html><'\). Expected a zip, or a tar",
        ),
        (b"", r"is no zip or tar \(it starts with b''\)"),
        (b"7z\xbc\xaf\x27\x1c0000", "is a 7z archive .* Unpack other kinds yourself and use the source 'folder'"),
        (b"\x28\xb5\x2f\xfd0000", "is a zstd archive"),
        (b"Rar!\x1a\x07", "is a rar archive"),
        (gzip.compress(b"place_id,year\n" * 99), "is damaged or cut off"),
        (bz2.compress(b"short"), "is damaged or cut off"),
        (lzma.compress(b""), "is damaged or cut off"),
    ],
    ids=["html", "empty", "7z", "zstd", "rar", "gzip of a text", "bzip2 of a word", "xz of nothing"],
)
def test_what_is_no_archive_says_what_it_is(sandbox, content, words):
    with pytest.raises(BadArchiveError, match=words):
        sandbox.unpack(content)


def test_an_archive_that_cannot_be_read_is_not_called_damaged(tmp_path):
    with pytest.raises(DataError, match=r"The archive .*absent.zip cannot be read: No such file") as raised:
        unpack(tmp_path / "absent.zip", tmp_path, tracker=NullTracker())
    assert not isinstance(raised.value, BadArchiveError)
