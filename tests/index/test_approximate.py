"""Every kind of index: it holds what it was given, survives the disk, and is as right as its kind should be."""

from dataclasses import replace
from itertools import pairwise

import faiss
import numpy as np
import pytest

from gsv_pipeline.errors import DataError
from gsv_pipeline.index import FLAT, INDEXES
from gsv_pipeline.index import measure as measure_module
from gsv_pipeline.index.approximate import num_cells
from gsv_pipeline.index.files import IndexRecord, StoredIndex, read_stored, write_stored
from gsv_pipeline.index.flat import INDEX_FILE, build_flat, search
from gsv_pipeline.index.measure import agreement, devices, measure, set_search
from gsv_pipeline.registry import resolve

KINDS = sorted(set(INDEXES) - {FLAT})
LEAST_AGREEMENT = {"hnsw_sq8": 0.95, "ivf_flat": 0.8, "ivf_pq": 0.2, "rabitq": 0.95}
MOST_BYTES = {"flat": 1.01, "hnsw_sq8": 0.85, "ivf_flat": 1.4, "ivf_pq": 0.7, "rabitq": 0.35}  # of flat, codebooks in


def unit(rows, size, seed):
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, size))
    values = centres[generator.integers(0, 40, rows)] + 0.5 * generator.normal(size=(rows, size))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


DATABASE, QUERIES = unit(2000, 128, 0), unit(100, 128, 1)
EXACT, _ = search(build_flat(DATABASE), QUERIES, 10)


def build(kind, descriptors):
    return resolve(INDEXES[kind].build)(descriptors, **INDEXES[kind].arguments)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    found = {}
    for kind in INDEXES:
        folder = tmp_path_factory.mktemp(kind)
        index = build(kind, DATABASE)
        record = IndexRecord(kind, "model", index.d, index.ntotal, 0.5)
        write_stored(folder, index, record, images=[f"images/{row}.jpg" for row in range(2000)])
        found[kind] = read_stored(folder)
    return found


def test_the_table_holds_the_exact_index_first_and_four_for_deployment():
    assert next(iter(INDEXES)) == FLAT
    assert KINDS == ["hnsw_sq8", "ivf_flat", "ivf_pq", "rabitq"]
    for row in INDEXES.values():
        assert row.description
        assert 0 <= row.default < len(row.settings)


@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_survives_the_disk_and_is_as_right_and_as_small_as_its_kind(stored, kind):
    found, row = stored[kind], INDEXES[kind]
    assert (found.index.ntotal, found.index.d) == (2000, 128)
    assert found.images[7] == "images/7.jpg"
    set_search(found.index, row.settings[row.default])
    predictions, similarities = search(found.index, QUERIES, 10)
    assert agreement(predictions, EXACT, 1) >= LEAST_AGREEMENT.get(kind, 1.0)
    assert (np.diff(similarities, axis=1) <= 1e-6).all()
    assert found.path.stat().st_size <= MOST_BYTES[kind] * DATABASE.nbytes


@pytest.mark.parametrize("kind", KINDS)
def test_looking_harder_is_never_much_less_right(stored, kind):
    shares = []
    for setting in INDEXES[kind].settings:
        set_search(stored[kind].index, setting)
        shares.append(agreement(search(stored[kind].index, QUERIES, 10)[0], EXACT, 10))
    assert shares[-1] >= shares[0]
    assert all(after >= before - 0.02 for before, after in pairwise(shares))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [16, 50, 300])
def test_a_small_database_will_do(kind, rows, capfd):
    index = build(kind, DATABASE[:rows])
    assert index.ntotal == rows
    predictions, _ = search(index, DATABASE[:rows], 1)
    assert (predictions >= 0).all()
    assert "WARNING" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_descriptors_than_make_sense_are_refused(kind):
    with pytest.raises(DataError, match="made of 16 descriptors at least, and there are 9. Use flat"):
        build(kind, DATABASE[:9])


@pytest.mark.parametrize(("rows", "cells"), [(16, 1), (100, 2), (1600, 41), (18871, 483), (83952, 1158)])
def test_cells_are_as_many_as_can_be_placed(rows, cells):
    assert num_cells(rows) == cells


def test_agreement_counts_the_exact_rows_that_are_found():
    exact, found = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 9, 2], [6, 5, 4]])
    assert agreement(found, exact, 1) == 0.5
    assert agreement(found, exact, 3) == pytest.approx(5 / 6)
    assert agreement(exact, exact, 10) == 1.0


def test_descriptors_of_another_model_or_size_are_refused(stored):
    stored[FLAT].check_descriptors(QUERIES, model="model")
    with pytest.raises(DataError, match="of the model model, and these are of other: distances between them mean noth"):
        stored[FLAT].check_descriptors(QUERIES, model="other")
    with pytest.raises(DataError, match="descriptors of 128 numbers, and these have 64"):
        stored[FLAT].check_descriptors(QUERIES[:, :64], model="model")


@pytest.mark.parametrize("kind", INDEXES)
def test_a_file_that_was_cut_short_is_refused(stored, kind, tmp_path):
    for path in stored[kind].path.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (tmp_path / INDEX_FILE).read_bytes()
    (tmp_path / INDEX_FILE).write_bytes(whole[: len(whole) - 500])
    with pytest.raises(DataError, match="no readable FAISS index .*cut short.*Run the index stage with --force"):
        read_stored(tmp_path)


def test_a_record_of_another_index_is_refused(tmp_path):
    index = build_flat(DATABASE[:50])
    write_stored(tmp_path, index, IndexRecord(FLAT, "model", 128, 60), images=[])
    with pytest.raises(DataError, match="holds 50 vectors of 128 numbers, and its record says 60 of 128"):
        read_stored(tmp_path)
    (tmp_path / "index.json").write_text('{"kind": "flat"}')
    with pytest.raises(DataError, match="is no record of an index"):
        read_stored(tmp_path)


def test_every_setting_is_measured(stored):
    row = INDEXES["ivf_flat"]
    found = measure(stored["ivf_flat"], QUERIES, exact=EXACT, recall=lambda rows: {1: rows[0, 0] / 1e6}, row=row)
    assert [item.setting for item in found] == [dict(setting) for setting in row.settings]
    assert [item.is_default for item in found].count(True) == 1
    for item in found:
        assert item.bytes_per_image > 512
        assert item.build_seconds == 0.5
        assert item.queries_per_s[1] > 0
        assert item.queries_per_s[64] > 0
        assert set(item.agreement_at) == {1, 10}


def test_fewer_queries_than_a_batch_can_be_timed(stored):
    found = measure(stored[FLAT], QUERIES[:3], exact=EXACT[:3], recall=lambda rows: {1: 1.0}, row=INDEXES[FLAT])
    assert found[0].queries_per_s[64] > 0
    assert found[0].agreement_at == {1: 1.0, 10: 1.0}


def test_a_gpu_is_used_where_faiss_has_one_and_the_kind_can_live_there(stored, monkeypatch):
    assert list(devices(stored[FLAT].index)) == ["cpu"]
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: "resources", raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", lambda resources, number, index: index, raising=False)
    found = measure(stored[FLAT], QUERIES, exact=EXACT, recall=lambda rows: {1: 1.0}, row=INDEXES[FLAT])
    assert [item.device for item in found] == ["cpu", "gpu"]

    def refused(resources, number, index):
        raise RuntimeError("This index type is not implemented on GPU.")

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", refused, raising=False)
    assert list(devices(stored["hnsw_sq8"].index)) == ["cpu"]


def test_a_slow_index_is_not_waited_for_forever(stored, monkeypatch):
    monkeypatch.setattr(measure_module, "LIMIT_S", 0.0)
    calls = []
    monkeypatch.setattr(measure_module, "search", lambda *given: calls.append(1) or (EXACT, EXACT))
    one = replace(INDEXES[FLAT])
    measure(StoredIndex(stored[FLAT].index, stored[FLAT].record, [], stored[FLAT].path), QUERIES, exact=EXACT,
            recall=lambda rows: {1: 1.0}, row=one)  # fmt: skip
    assert len(calls) == 1 + 2 * 2
