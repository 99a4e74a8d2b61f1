"""The chain from a report to bytes, and where it breaks."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from gsv_pipeline.cli import run
from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.layout import Layout
from gsv_pipeline.lineage import Link, artifacts_on_disk, find_artifact, link_json, trace, walk

REPORT = "recall_report/demo_test/demo"


def rewrite(layout: Layout, key: str, **values: object) -> None:
    path = layout.root / key / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def chain(layout: Layout, key: str = REPORT) -> dict[str, Link]:
    return {link.key: link for link in walk(trace(*find_artifact(layout, key)))}


def test_every_link_has_the_version_that_its_follower_noted(chain_layout: Layout) -> None:
    links = chain(chain_layout)
    assert next(iter(links)) == "dataset/demo"
    assert list(links)[-1] == REPORT
    assert {
        "catalog/demo",
        "places/demo",
        "benchmark/demo_val",
        "checkpoint/demo",
        "faiss_index/demo_test/demo",
    } <= set(links)
    for link in links.values():
        assert not link.broken
        manifest = json.loads((chain_layout.root / link.key / "manifest.json").read_text())
        assert link.version == manifest["data_version"]
        assert {item.key: item.version for item in link.inputs} == manifest["inputs"]


def test_inputs_come_before_what_is_made_of_them(chain_layout: Layout) -> None:
    seen: set[str] = set()
    for link in walk(trace(*find_artifact(chain_layout, "leaderboard"))):
        assert {item.key for item in link.inputs} <= seen
        seen.add(link.key)
    assert {"recall_report/demo_val/demo", REPORT} <= seen  # a leaderboard is made of all reports


def test_an_artifact_is_found_by_its_key_or_by_any_path_into_it(chain_layout: Layout, tmp_path: Path) -> None:
    report = chain_layout.recall_report("demo_test", "demo")
    for name in (REPORT, str(report), str(report / "report.html"), f"{REPORT}/report.html"):
        assert find_artifact(chain_layout, name) == (chain_layout, report)
    elsewhere = Layout(tmp_path / "another")
    assert find_artifact(elsewhere, str(report / "report.html")) == (chain_layout, report)
    assert find_artifact(chain_layout, "leaderboard/index.html")[1] == chain_layout.leaderboard()
    assert REPORT in artifacts_on_disk(chain_layout)
    for name in ("recall_report/demo_test/dmo", str(tmp_path)):
        with pytest.raises(ConfigError, match="There is no artifact"):
            find_artifact(chain_layout, name)


def test_what_made_each_artifact_is_told(chain_layout: Layout) -> None:
    rewrite(
        chain_layout,
        "checkpoint/demo",
        provenance={"git": "0123456789ab+changes", "device": "NVIDIA H100", "dagster_run": "a-run", "packages": {}},
    )
    checkpoint = chain(chain_layout)["checkpoint/demo"]
    assert (checkpoint.commit, checkpoint.is_dirty) == ("0123456789ab", True)
    assert (checkpoint.seed, checkpoint.surroundings["device"]) == (1, "NVIDIA H100")
    assert checkpoint.experiment_yaml == chain_layout.checkpoint("demo") / "experiment.yaml"
    assert chain(chain_layout)["dataset/demo"].seed == 1
    told = link_json(checkpoint)
    assert (told["commit"], told["dirty"], told["dagster_run"]) == ("0123456789ab", True, "a-run")
    assert "aggregator" in told["experiment_yaml"]
    assert json.loads(json.dumps(told)) == told


def test_an_input_that_was_replaced_breaks_the_chain_and_says_by_what(chain_layout: Layout) -> None:
    rewrite(chain_layout, "benchmark/demo_test", data_version="another")
    broken = [link for link in walk(trace(*find_artifact(chain_layout, REPORT))) if link.broken]
    assert {link.key for link in broken} == {"benchmark/demo_test"}
    assert "version another" in broken[0].broken
    assert broken[0].manifest is None
    shutil.rmtree(chain_layout.benchmark("demo_test"))
    assert chain(chain_layout)["benchmark/demo_test"].broken == "it is gone"


def test_the_checkpoint_that_train_moved_aside_is_still_a_link(chain_layout: Layout) -> None:
    version = chain(chain_layout)["checkpoint/demo"].version
    shutil.copytree(chain_layout.checkpoint("demo"), chain_layout.previous(chain_layout.checkpoint("demo")))
    rewrite(chain_layout, "checkpoint/demo", data_version="trained again")
    checkpoint = chain(chain_layout)["checkpoint/demo"]
    assert (checkpoint.version, checkpoint.broken) == (version, "")
    assert checkpoint.folder == chain_layout.previous(chain_layout.checkpoint("demo"))
    assert checkpoint.inputs


def test_a_snapshot_is_told_while_it_is_of_the_files_that_were_read(chain_layout: Layout) -> None:
    path = chain_layout.dataset("demo") / "manifest.json"
    manifest = json.loads(path.read_text())
    files = json.loads((chain_layout.catalog("demo") / "manifest.json").read_text())["config"]["files"]
    for listing, told in ((files, "0a1b.dir"), ("of other files", "")):
        note = {"md5": "0a1b.dir", "nfiles": 3, "size": 1, "listing": listing}
        path.write_text(json.dumps({**manifest, "metadata": {**manifest["metadata"], "dvc": note}}))
        assert chain(chain_layout)["dataset/demo"].snapshot == told


def test_the_hash_of_a_reference_run_is_told_while_its_files_are_there(chain_layout: Layout) -> None:
    folder, lock = chain_layout.dataset("demo"), chain_layout.root.parent / "dvc.lock"
    files = [path for path in folder.rglob("*") if path.is_file()]
    output = {
        "path": f"{chain_layout.root.name}/dataset/demo",
        "hash": "md5",
        "md5": "0a1b.dir",
        "size": sum(path.stat().st_size for path in files),
        "nfiles": len(files),
    }
    other = {**output, "path": "data/dataset/other", "md5": "2c3d.dir"}
    stages = {"fetch": {"cmd": "gsv-pipeline fetch demo", "outs": [other, output]}, "catalog": {"cmd": "…"}}
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    links = chain(chain_layout)
    assert {link.key: link.snapshot for link in links.values() if link.snapshot} == {"dataset/demo": "0a1b.dir"}
    assert link_json(links["dataset/demo"])["dvc_md5"] == "0a1b.dir"
    (folder / "added.txt").write_text("after the run")
    assert not chain(chain_layout)["dataset/demo"].snapshot
    (folder / "added.txt").unlink()
    for damaged in ("stages: [", "[]", "stages: {fetch: {outs: [{md5: 1}]}}", ""):
        lock.write_text(damaged)
        assert not chain(chain_layout)["dataset/demo"].snapshot


def test_runs_of_wandb_are_found_by_the_fingerprint_in_their_names(chain_layout: Layout) -> None:
    manifest = json.loads((chain_layout.checkpoint("demo") / "manifest.json").read_text())
    run_id = f"train-{manifest['fingerprint']}-20261123100000"
    folder = chain_layout.wandb() / "wandb" / f"offline-run-20261123_100000-{run_id}"
    folder.mkdir(parents=True)
    (folder / f"run-{run_id}.wandb").touch()
    rewrite(chain_layout, "checkpoint/demo", metadata={})  # as versions before wrote it
    assert chain(chain_layout)["checkpoint/demo"].wandb_runs == (run_id,)
    rewrite(chain_layout, "checkpoint/demo", metadata={"wandb_run": "train-noted"})
    assert chain(chain_layout)["checkpoint/demo"].wandb_runs == ("train-noted",)


def test_a_damaged_manifest_is_an_error_and_no_chain(chain_layout: Layout) -> None:
    (chain_layout.catalog("demo") / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="is not a readable manifest"):
        chain(chain_layout)
    with pytest.raises(DataError, match="nothing says what it was made of"):
        trace(chain_layout, chain_layout.root)


def test_the_command_prints_an_indented_tree_and_says_where_it_is_broken(
    chain_layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--data-root", str(chain_layout.root)]
    assert run([*root, "lineage", REPORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == REPORT
    keys = [line.split()[0] for line in lines if "/" in line.split()[0]]
    assert (keys.count("dataset/demo"), keys.count("catalog/demo")) == (1, 3)
    assert sum("catalog/demo  (see above)" in line for line in lines) == 2
    assert sum(line.strip().startswith("packages") for line in lines) == 1  # what is the same is told once
    shutil.rmtree(chain_layout.places("demo"))
    assert run([*root, "lineage", str(chain_layout.checkpoint("demo")), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [item["key"] for item in told["inputs"] if item["broken"]] == ["places/demo"]
    assert run([*root, "lineage", "checkpoint/demo"]) == 0
    assert "BROKEN" in capsys.readouterr().out
    assert run([*root, "lineage", "checkpoint/dmo"]) == 2
    assert "Did you mean 'checkpoint/demo'?" in capsys.readouterr().err
