"""What a manifest says, what is none, and what hashes and fingerprints follow."""

from dataclasses import replace
from pathlib import Path

import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.manifest import describe_difference, fingerprint, hash_files, read_manifest, write_json
from tests.production.making import make, never, writes


def test_the_manifest_says_what_the_artifact_was_made_of(layout, catalog, places):
    made = make(layout, catalog)
    make(layout, places)
    found = read_manifest(places.path)
    assert found.key == "places/demo"
    assert found.inputs == {"catalog/demo": made.data_version}
    assert found.config == {"filter": {"k": 4}}
    assert found.versions == {"places": 1}
    assert found.fingerprint == fingerprint(layout, places)
    assert found.provenance["python"]


def test_metadata_survives_as_json_gives_it_back(layout, catalog):
    make(layout, catalog, writes(cities=("A", "B"), path=Path("x")))
    assert make(layout, catalog, never).metadata == {"cities": ["A", "B"], "path": "x"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"key": "catalog/demo", "colour": 1}', "\0"])
def test_a_manifest_that_is_none_is_refused_with_what_to_do(layout, catalog, text):
    make(layout, catalog)
    (catalog.path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a readable manifest .*Remove the folder .*catalog/demo and make it"):
        read_manifest(catalog.path)


def test_a_file_in_place_of_an_artifact_has_no_manifest(tmp_path):
    (tmp_path / "file").touch()
    assert read_manifest(tmp_path / "file") is None


def test_the_fingerprint_follows_settings_versions_and_inputs(layout, catalog, places):
    make(layout, catalog)
    before = fingerprint(layout, places)
    assert fingerprint(layout, places) == before
    others = [
        fingerprint(layout, replace(places, config={"filter": {"k": 5}})),
        fingerprint(layout, replace(places, versions={"places": 2})),
    ]
    make(layout, catalog, writes("more rows"), force=True)
    others.append(fingerprint(layout, places))
    assert len({before, *others}) == 4


def test_the_hash_of_files_follows_names_and_bytes_and_leaves_the_manifest_out(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("2")
    before = hash_files(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    assert hash_files(tmp_path) == before
    assert hash_files(tmp_path, ("a",)) == hash_files(tmp_path, ["a", "manifest.json"]) != before
    (tmp_path / "a").rename(tmp_path / "c")
    renamed = hash_files(tmp_path)
    (tmp_path / "c").write_text("3")
    assert len({before, renamed, hash_files(tmp_path)}) == 3


def test_differences_are_told_by_dotted_name_and_at_most_three():
    found = {"training": {"epochs": 3, "loss": {"name": "a"}}, "seed": 1}
    expected = {"training": {"epochs": 30, "loss": {"name": "b"}}, "seed": 1}
    assert describe_difference(found, expected) == (
        "training.epochs: found 3, expected 30; training.loss.name: found a, expected b"
    )
    assert describe_difference(found, found) == ""
    assert describe_difference({"a": (1, 2)}, {"a": [1, 2]}) == ""
    assert describe_difference({}, dict.fromkeys("abcde", 1)).count("expected") == 3


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "facts.json", {"city": "Zürich", "k": {"1": 0.5}})
    written = (tmp_path / "facts.json").read_text(encoding="utf-8")
    assert written == '{\n "city": "Zürich",\n "k": {\n  "1": 0.5\n }\n}\n'
