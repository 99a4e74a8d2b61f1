"""Reports by which a person chooses an index and a size of descriptors: assets that no job takes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.benchmarks import BENCHMARK_ASSETS, is_scored
from assets.definitions import ASSETS, defs
from assets.index_report import INDEX_REPORT_ASSETS
from assets.pca import PCA_REPORT_ASSETS, pca
from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.errors import DataError
from gsv_pipeline.index import INDEXES
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Recipe, read_manifest
from gsv_pipeline.reports.choices import index_choice, pca_choice
from tests.orchestration.conftest import resources
from tests.tiny import tiny_experiment

REPOSITORY = Path(__file__).resolve().parents[2]
KINDS = ("index_report", "pca", "pca_report")
SPECS = {spec.key.to_user_string(): spec for asset in ASSETS for spec in asset.specs}
OURS = [key for key in SPECS if key.split("/")[0] in KINDS]


def materialize(assets: list[dg.AssetsDefinition], layout: Layout, **config: object) -> dict[str, dict[str, object]]:
    """Metadata of what was made, by key."""
    result = dg.materialize(
        assets,
        partition_key="demo",
        resources=resources(layout.root),
        run_config={"ops": {name: {"config": given} for name, given in config.items()}},
    )
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {item.asset_key.to_user_string(): dict(item.metadata) for item in made}


def upstream(key: str) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in SPECS[key].deps}


def assets_of(layout: Layout, recipe: Recipe) -> Iterator[str]:
    """What a recipe is made of, as assets; what has none is made in the same step, of its own inputs."""
    for item in recipe.inputs:
        key = layout.key(item.path).removesuffix("/demo")
        if key in SPECS:
            yield key
        else:
            yield from assets_of(layout, item)


def test_what_a_person_asks_for_is_there_for_rendered_benchmarks_and_in_no_job() -> None:
    rendered = {name for name, row in BENCHMARKS.items() if row.dataset == "demo"}

    assert rendered <= set(INDEX_REPORT_ASSETS) == set(PCA_REPORT_ASSETS) <= set(BENCHMARK_ASSETS)
    assert all(is_scored(name) for name in INDEX_REPORT_ASSETS)
    for job in ("demo", "train", "benchmark", "rebenchmark", "revalidate"):
        keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
        assert not {key.path[0] for key in keys} & set(KINDS)


@pytest.mark.parametrize("key", OURS)
def test_they_stand_in_the_graph_like_their_neighbours(key: str) -> None:
    spec = SPECS[key]

    assert spec.group_name == ("index" if key.startswith("index_report") else "embeddings")
    assert spec.partitions_def == SPECS["checkpoint"].partitions_def
    assert spec.kinds
    assert spec.owners == ["team:vpr"]
    assert spec.code_version
    assert "**Costs**" in (spec.description or "")
    assert "**When it fails**" in (spec.description or "")


def test_they_depend_on_what_their_recipes_name(tiny_demo: Path) -> None:
    layout = Layout(tiny_demo)
    experiment = tiny_experiment(layout)
    made = {
        "pca": recipes.pca(layout, experiment),
        "pca_report/demo_test": recipes.pca_report(layout, experiment, "demo_test"),
        "index_report/demo_test": recipes.index_report(layout, experiment, "demo_test"),
    }

    for key, recipe in made.items():
        assert upstream(key) == set(assets_of(layout, recipe))


def test_the_report_on_indexes_shows_each_kind_a_figure_and_its_page(chain_layout: Layout) -> None:
    shown = materialize([INDEX_REPORT_ASSETS["demo_test"]], chain_layout)["index_report/demo_test"]

    table = shown["indexes"].value
    rows = json.loads((chain_layout.index_report("demo_test", "demo") / "index_report.json").read_text())
    assert all(f"| {kind} |" in table for kind in INDEXES)
    assert table.startswith(
        "**demo_test**: within 25 m, included; queries without a positive count as misses.\n\n| index"
    )
    assert table.count("\n| ") == len(INDEXES) + 2
    assert "](data:image/png;base64," in shown["speed and accuracy"].value
    assert Path(shown["page"].value).name == "index_report.html"
    assert Path(shown["page"].value).is_file()
    assert shown["first match as exact, flat"].value == 1.0
    defaults = {row["kind"]: row["agreement_at"]["1"] for row in rows if row["is_default"]}
    assert {kind: shown[f"first match as exact, {kind}"].value for kind in INDEXES} == defaults


def test_components_are_fitted_and_recall_is_shown_by_size(chain_layout: Layout) -> None:
    made = materialize([pca, PCA_REPORT_ASSETS["demo_test"]], chain_layout, pca={"sample": 20})
    fitted, report = made["pca"], made["pca_report/demo_test"]
    manifest = read_manifest(chain_layout.pca("demo"))

    assert manifest is not None
    assert manifest.config["sample"] == 20
    assert fitted["dagster/row_count"].value == manifest.metadata["components"]
    assert "](data:image/png;base64," in fitted["variance kept"].value
    assert "| 50% |" in fitted["variance"].value
    stored = json.loads((chain_layout.pca_report("demo_test", "demo") / "pca_report.json").read_text())
    plain = next(row for row in stored if row["whitened"] is None)
    assert report[f"R@1 {plain['dimensions']}-D as they are"].value == plain["recall_at"]["1"]
    variant, _, head, _, first, *others = report["sizes"].value.splitlines()
    assert variant == "**demo_test**: within 25 m, included; queries without a positive count as misses."
    assert head.startswith("| numbers |")
    assert first.startswith(f"| {plain['dimensions']} | as they are | 100.0 |")
    assert len(others) == len(stored) - 1
    assert "](data:image/png;base64," in report["recall by size"].value
    assert Path(report["page"].value).is_file()


def test_a_second_look_finds_everything_fresh_and_measures_again_when_asked(chain_layout: Layout) -> None:
    report = INDEX_REPORT_ASSETS["demo_test"]
    cached = [
        materialize([report], chain_layout, **given)["index_report/demo_test"]["cached"].value
        for given in ({}, {}, {"index_report__demo_test": {"recompute": True}})
    ]

    assert cached == [False, True, False]


def test_an_experiment_without_training_images_is_told_so(chain_layout: Layout) -> None:
    settings = resources(chain_layout.root, "training=null", "weights=/nowhere/weights.pt")

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [pca], partition_key="demo", resources=settings, instance=instance, raise_on_error=False
        )

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "not trained here" in str(failure.event_specific_data)


@pytest.mark.parametrize("text", ["[1]", '[{"kind": "flat"}]', '[{"recall_at": {"a": 1}}]', "{"])
def test_a_damaged_report_is_named(chain_layout: Layout, text: str) -> None:
    experiment = tiny_experiment(chain_layout)
    for folder, file, look in (
        (chain_layout.index_report("demo_test", "demo"), "index_report.json", index_choice),
        (chain_layout.pca_report("demo_test", "demo"), "pca_report.json", pca_choice),
    ):
        folder.mkdir(parents=True)
        (folder / file).write_text(text)
        with pytest.raises(DataError, match=rf"{file} is no"):
            look(chain_layout, experiment, "demo_test")


def test_benchmarks_that_nobody_has_fetched_get_none(tmp_path: Path) -> None:
    code = "from assets.index_report import INDEX_REPORT_ASSETS as A; from assets.pca import PCA_REPORT_ASSETS as B\n"
    code += "import json; print(json.dumps([sorted(A), sorted(B)]))"
    sped = Layout(tmp_path).dataset("sped")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"GSV_DATA_ROOT": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        expected = ["demo_test", "demo_val", *(["sped"] if sped.is_dir() else [])]
        assert found == [expected, expected]
        sped.mkdir(parents=True, exist_ok=True)
        (sped / "manifest.json").touch()
