"""Principal components: against a singular value decomposition, and as a stage with its report."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_pipeline import stages
from gsv_pipeline.cli import run
from gsv_pipeline.compose.reduction import sample_rows
from gsv_pipeline.config import load_experiment
from gsv_pipeline.embeddings import blocks as blocks_module
from gsv_pipeline.embeddings.pca import fit_pca, load_pca, save_pca
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.tracking import NullTracker
from tests.tiny import TINY_TRAINING, tiny_experiment

TRACKER = NullTracker()


def descriptors(rows, size, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, size)) * np.geomspace(3, 0.1, size) + generator.normal(size=size)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("rows", "size"), [(60, 12), (9, 30), (30, 30)])
def test_components_are_those_of_the_singular_value_decomposition(rows, size, monkeypatch):
    monkeypatch.setattr(blocks_module, "BLOCK_ROWS", 7)
    values = descriptors(rows, size)
    found = fit_pca(values)
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    kept = len(found.components)
    assert kept == min(size, rows - 1)
    assert found.mean == pytest.approx(values.mean(axis=0), abs=1e-6)
    assert found.variances == pytest.approx(singular[:kept] ** 2 / (rows - 1), rel=1e-4)
    assert np.abs((found.components * right[:kept]).sum(axis=1)) == pytest.approx(np.ones(kept), abs=1e-3)
    assert found.components @ found.components.T == pytest.approx(np.eye(kept), abs=1e-4)
    assert found.explained[-1] == pytest.approx(1.0, abs=1e-4)


def test_whitened_numbers_of_the_training_images_vary_alike():
    values = descriptors(500, 16)
    found = fit_pca(values)
    spread = ((values - found.mean) @ (found.components / np.sqrt(found.variances)[:, None]).T).std(axis=0, ddof=1)
    assert spread == pytest.approx(np.ones(16), abs=1e-3)
    for whiten in (True, False):
        reduced = found.reduce(values, 5, whiten=whiten)
        assert reduced.shape == (500, 5)
        assert np.linalg.norm(reduced, axis=1) == pytest.approx(np.ones(500), abs=1e-5)


def test_all_components_without_whitening_keep_the_order_of_neighbours():
    values = descriptors(80, 10)
    found = fit_pca(values)
    turned = (values - found.mean) @ found.components.T
    before = ((values[:, None] - values[None]) ** 2).sum(axis=2)
    assert ((turned[:, None] - turned[None]) ** 2).sum(axis=2) == pytest.approx(before, abs=1e-5)


def test_images_without_a_descriptor_stay_without_one():
    values = descriptors(20, 8)
    found = fit_pca(values)
    values[3] = 0.0
    assert not found.reduce(values, 4)[3].any()


def test_components_survive_the_disk(tmp_path):
    found = fit_pca(descriptors(40, 8))
    save_pca(tmp_path / "pca.npz", found)
    again = load_pca(tmp_path / "pca.npz")
    assert np.array_equal(again.components, found.components)
    assert again.total_variance == found.total_variance
    (tmp_path / "pca.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"pca\.npz holds no principal components"):
        load_pca(tmp_path / "pca.npz")


def test_what_cannot_be_reduced_is_refused():
    found = fit_pca(descriptors(40, 8))
    for size, dimensions in ((9, 4), (8, 9), (8, 0)):
        with pytest.raises(DataError, match="take descriptors of 8 numbers to 8 at most"):
            found.reduce(descriptors(3, size), dimensions)
    with pytest.raises(DataError, match="two descriptors at least, and there are 1"):
        fit_pca(descriptors(1, 8))
    with pytest.raises(DataError, match="All 5 descriptors are alike"):
        fit_pca(np.ones((5, 8), dtype=np.float32))


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=9), st.integers(1, 30))
def test_a_sample_takes_one_image_of_every_place_first(sizes, sample):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = sample_rows(offsets, sample)
    assert len(rows) == min(sample, offsets[-1])
    assert (np.diff(rows) > 0).all()
    per_place = np.bincount(np.searchsorted(offsets, rows, side="right") - 1, minlength=len(sizes))
    missed = per_place < sizes
    assert per_place[missed].min(initial=99) >= per_place.max() - 1


def test_the_stage_fits_on_training_images_and_the_report_shows_every_size(chain_layout, capsys):
    experiment = tiny_experiment(chain_layout)
    command = ["--data-root", str(chain_layout.root), "pca", "demo", "demo_test", *TINY_TRAINING, "--sample", "50"]
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "images: 50" in said
    assert all(word in said for word in ("-D as they are", "-D whitened", "-D not whitened"))
    folder = chain_layout.pca_report("demo_test", "demo")
    rows = json.loads((folder / "pca_report.json").read_text())
    assert rows[0]["whitened"] is None
    scored = json.loads((chain_layout.recall_report("demo_test", "demo") / "recall.json").read_text())
    assert rows[0]["recall_at"]["1"] == pytest.approx(scored["recall_at"]["1"])
    assert {row["whitened"] for row in rows[1:]} == {True, False}
    assert "as they are" in (folder / "pca_report.html").read_text()
    assert (folder / "pca_report.svg").is_file()
    assert not chain_layout.extraction(chain_layout.pca("demo")).exists()
    assert stages.fit_pca(chain_layout, experiment, tracker=TRACKER, sample=50).cached
    assert stages.report_pca(chain_layout, experiment, "demo_test", tracker=TRACKER).cached
    assert not stages.fit_pca(chain_layout, experiment, tracker=TRACKER, sample=40).cached
    assert not stages.report_pca(chain_layout, experiment, "demo_test", tracker=TRACKER).cached


def test_an_experiment_without_training_images_has_no_components(chain_layout):
    weights = chain_layout.checkpoint("demo") / "model.safetensors"
    chain_layout.experiments().mkdir(exist_ok=True)
    (chain_layout.experiments() / "imported.yaml").write_text(f"weights: {weights}\n")
    with pytest.raises(ConfigError, match="'imported' is not trained here, so there are no training images"):
        stages.fit_pca(chain_layout, load_experiment(chain_layout, "imported"), tracker=TRACKER)
