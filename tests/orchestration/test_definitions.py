"""The code location: loads, loads lightly, and describes itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.definitions import ASSETS, defs
from assets.index_report import INDEX_REPORT_ASSETS
from assets.jobs import evaluation_keys
from assets.partitions import EXPERIMENTS
from assets.presence import present_benchmarks
from assets.resources import Pipeline
from gsv_pipeline.audits import AUDITS
from gsv_pipeline.benchmarks import BENCHMARKS
from gsv_pipeline.config import experiment_files, validation_benchmarks
from gsv_pipeline.layout import MANIFEST, Layout
from gsv_pipeline.sources import DATASETS
from tests.orchestration.results import DEMO_BENCHMARKS, DEMO_CHAIN, STEPS

REPOSITORY = Path(__file__).resolve().parents[2]
SPECS = {spec.key.to_user_string(): spec for asset in ASSETS for spec in asset.specs}
PARTITIONED = ("places", "checkpoint", "embeddings/", "faiss_index/", "recall_report/", "index_report/", "pca")
ON_DEMAND = ("index_report", "pca_report")


def keys_of(job: str) -> set[str]:
    selected = defs.resolve_job_def(job).asset_layer.executable_asset_keys
    return {key.to_user_string() for key in selected}


def test_definitions_are_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_data_set_and_benchmark_has_its_assets() -> None:
    expected = {f"dataset/{name}" for name in DATASETS}
    expected |= {f"catalog/{name}" for name, row in DATASETS.items() if row.has_catalog}
    expected |= {f"{step}/{name}" for step in STEPS for name in BENCHMARKS}

    on_demand = {f"{report}/{name}" for report in ON_DEMAND for name in INDEX_REPORT_ASSETS} | {"pca"}

    assert set(SPECS) == expected | on_demand | {"places", "checkpoint", "leaderboard"}


def test_the_demo_job_selects_exactly_the_demo_chain() -> None:
    assert keys_of("demo") == DEMO_CHAIN
    assert defs.resolve_job_def("demo").tags["dagster/partition"] == "demo"


def test_the_train_job_leaves_data_alone() -> None:
    assert keys_of("train") == {"places", "checkpoint"}


def test_the_benchmark_job_ends_with_the_leaderboard() -> None:
    assert "leaderboard" in keys_of("benchmark")
    assert not keys_of("benchmark") & {"places", "checkpoint"}


@pytest.mark.parametrize("job", ["demo", "train"])
def test_every_job_has_the_experiments_as_partitions(job: str) -> None:
    assert defs.resolve_job_def(job).partitions_def == EXPERIMENTS


def test_only_benchmarks_whose_data_set_is_there_are_run(tiny_demo: Path, tmp_path: Path) -> None:
    assert present_benchmarks(Layout(tmp_path)) == []
    assert present_benchmarks(Layout(tiny_demo)) == DEMO_BENCHMARKS
    assert evaluation_keys([]) == [dg.AssetKey("leaderboard")]


def test_benchmarks_that_differ_by_experiment_are_run_by_hand(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for dataset in ("gsv_cities", "msls", "sped"):
        layout.dataset(dataset).mkdir(parents=True)
        (layout.dataset(dataset) / MANIFEST).touch()
    layout.benchmarks().mkdir()
    for name, folder in (("walk", tmp_path), ("gone", tmp_path / "gone")):
        text = f"database: {folder}\nqueries: {folder / 'dataset'}\n"
        (layout.benchmarks() / f"{name}.yaml").write_text(text)

    assert present_benchmarks(layout) == ["msls_val", "msls_val_all", "msls_challenge", "sped", "walk"]


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_benchmark_says_its_variant_licence_and_where_to_get_it_in_the_ui(name: str) -> None:
    row, text = BENCHMARKS[name], SPECS[f"benchmark/{name}"].description or ""

    assert row.licence in text
    assert row.protocol.words in text
    assert row.variant in text
    if row.takes == "images":
        assert DATASETS[row.dataset].how_to_get in text


def test_partitions_are_the_experiments() -> None:
    shipped = experiment_files(Layout(REPOSITORY / "nowhere"))

    assert shipped
    assert set(shipped) <= set(EXPERIMENTS.get_partition_keys())


@pytest.mark.parametrize("key", SPECS)
def test_an_asset_describes_itself_to_an_operator(key: str) -> None:
    spec = SPECS[key]

    assert spec.group_name in {"dataset", "training", "benchmark", "embeddings", "index", "report", "not_fetched"}
    assert spec.kinds
    assert spec.owners == ["team:vpr"]
    assert spec.code_version
    assert "**Costs**" in (spec.description or "")
    assert "**When it fails**" in (spec.description or "")


@pytest.mark.parametrize("key", SPECS)
def test_what_depends_on_an_experiment_is_partitioned_by_it(key: str) -> None:
    expected = EXPERIMENTS if key.startswith(PARTITIONED) else None

    assert SPECS[key].partitions_def == expected


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.key.to_user_string())
def test_whatever_uses_the_device_holds_its_pool(asset: dg.AssetsDefinition) -> None:
    uses_device = asset.key.path[0] in {"checkpoint", "embeddings", "recall_report", "pca", *ON_DEMAND}

    assert asset.op.pool == ("gpu" if uses_device else None)


def test_places_depend_on_every_catalog_and_the_checkpoint_on_its_validation() -> None:
    def upstream(key: str) -> set[str]:
        return {dep.asset_key.to_user_string() for dep in SPECS[key].deps}

    assert upstream("places") == {f"catalog/{name}" for name, row in DATASETS.items() if row.has_catalog}
    chosen = {f"benchmark/{name}" for name in validation_benchmarks(Layout(REPOSITORY / "nowhere"))}
    assert "benchmark/demo_val" in chosen
    assert upstream("checkpoint") == {"places", *chosen}


def test_the_leaderboard_depends_on_all_experiments() -> None:
    deps = list(SPECS["leaderboard"].deps)

    assert {dep.asset_key.to_user_string() for dep in deps} == {f"recall_report/{name}" for name in BENCHMARKS}
    assert all(isinstance(dep.partition_mapping, dg.AllPartitionMapping) for dep in deps)


def test_every_question_is_a_check_with_the_partitions_of_its_asset() -> None:
    checks = [spec for check in defs.asset_checks or [] for spec in check.check_specs]  # type: ignore[union-attr]

    asked = {(spec.asset_key.to_user_string(), spec.name) for spec in checks}
    assert asked == {
        (key, name) for key in SPECS if key.split("/")[0] in AUDITS for name in AUDITS[key.split("/")[0]].questions
    }
    for spec in checks:
        asset = SPECS[spec.asset_key.to_user_string()]
        assert spec.partitions_def == asset.partitions_def
        assert spec.blocking == AUDITS[spec.asset_key.path[0]].questions[spec.name].blocking
        assert spec.description


def test_the_catalog_shows_its_columns() -> None:
    schema = SPECS["catalog/demo"].metadata["dagster/column_schema"]

    assert [column.name for column in schema.columns][:3] == ["image_id", "city", "place_id"]
    assert all(column.description for column in schema.columns)


def launchpad_fields(job: str) -> dict[str, dg.Field]:
    """Path -> every field of assets and resources that a person may set in the Launchpad, however deep."""

    def below(path: str, field: dg.Field) -> Iterator[tuple[str, dg.Field]]:
        yield path, field
        for name, inner in getattr(field.config_type, "fields", {}).items():
            yield from below(f"{path}/{name}", inner)

    schema = defs.resolve_job_def(job).run_config_schema.config_type.fields
    found = [item for part in ("ops", "resources") for item in below(part, schema[part])]
    return {path: field for path, field in found if "/config/" in path}


@pytest.mark.parametrize("job", ["demo", "train", "benchmark", "rebenchmark", "revalidate", "__ASSET_JOB"])
def test_every_field_of_the_launchpad_is_explained_and_prefilled_or_required(job: str) -> None:
    fields = launchpad_fields(job)

    assert fields.keys() >= {f"resources/pipeline/config/{name}" for name in Pipeline.model_fields}
    assert [path for path, field in fields.items() if len(field.description or "") < 20] == []
    assert [path for path, field in fields.items() if not (field.default_provided or field.is_required)] == []


def test_the_launchpad_of_all_assets_has_what_each_of_them_takes() -> None:
    fields = launchpad_fields("__ASSET_JOB")

    for asset, name in (("checkpoint", "restart"), ("dataset__demo", "source"), ("embeddings__demo_test", "precision")):
        assert f"ops/{asset}/config/{name}" in fields
    configured = {path.split("/")[1] for path in fields if path.startswith("ops/")}
    assert configured == {asset.op.name for asset in ASSETS} - {"places", "leaderboard"}


@pytest.mark.parametrize("job", ["demo", "train", "benchmark", "rebenchmark", "revalidate"])
def test_a_job_says_what_it_does_and_where_dagster_warns_for_nothing(job: str) -> None:
    description = defs.resolve_job_def(job).description or ""

    assert len(description) > 50
    # Where the leaderboard is made without all that it depends on, Dagster says that something is missing.
    warns = "leaderboard" in keys_of(job) and "checkpoint" not in keys_of(job)
    assert ("*Materialize all* may warn that reports are missing" in description) == warns


@pytest.mark.parametrize("text", ["*", "key:recall_report/demo_test", "+leaderboard", "kind:faiss"])
def test_a_string_selection_parses(text: str) -> None:
    # Fails with "ord() expected string of length 1" where hydra has pulled in an old antlr.
    assert dg.AssetSelection.from_string(text).resolve(ASSETS)


def test_loading_the_code_location_imports_nothing_heavy() -> None:
    code = (
        "import sys, assets.definitions\n"
        "heavy = {'torch', 'pandas', 'faiss', 'wandb', 'numpy', 'matplotlib', 'PIL', 'lightning'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_workspace_names_one_code_location_that_exists() -> None:
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())

    (entry,) = workspace["load_from"]
    assert entry["python_file"]["location_name"] == "gsv_pipeline"
    assert (REPOSITORY / entry["python_file"]["relative_path"]).is_file()
    assert "[tool.dagster]" not in (REPOSITORY / "pyproject.toml").read_text()  # it would silently win
