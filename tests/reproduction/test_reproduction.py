"""Running a report again: by its own code in a worktree, on its own data, beside a tree that stays as it is."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gsv_pipeline import stages
from gsv_pipeline.cli import run
from gsv_pipeline.data_versions.snapshot import snapshot
from gsv_pipeline.errors import ConfigError, DataError, RunError
from gsv_pipeline.evaluation.agreement import DIFFERENT, EQUAL
from gsv_pipeline.evaluation.history_file import Step
from gsv_pipeline.evaluation.outcomes import OUTCOMES_FILE
from gsv_pipeline.layout import Layout
from gsv_pipeline.reproduction import reproduce, running
from gsv_pipeline.reproduction.checkout import worktree
from gsv_pipeline.reproduction.ground import prepared_root
from gsv_pipeline.reproduction.plan import Plan, plan_reproduction
from gsv_pipeline.sources.location import listing_of, read_location
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo, shots_of, write_city
from tests.versioned import Repository, contents

REPORT = "recall_report/demo_test/demo"
ROOT = Path(__file__).parents[2]
TRACKER = NullTracker()


@pytest.fixture
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, cache or name of the person who runs the tests."""
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nothing" / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    monkeypatch.delenv("DVC_STAGE", raising=False)


@pytest.fixture
def checkout(tmp_path: Path, own_surroundings: None) -> Repository:
    """A git repository with this project's code and one commit."""
    repository = Repository(tmp_path / "checkout")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gsv_pipeline", repository.path / "gsv_pipeline", ignore=ignored)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "Start")
    return repository


def made_by(layout: Layout, version: str, *, only: str = "") -> None:
    """Let manifests and history say that code of `version` made everything, or the artifact `only`."""
    for path in layout.root.rglob("manifest.json"):
        manifest = json.loads(path.read_text())
        if only in ("", manifest["key"]):
            path.write_text(json.dumps({**manifest, "provenance": {**manifest["provenance"], "git": version}}))
    shutil.rmtree(layout.root / "history", ignore_errors=True)


def tree(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_report_is_reproduced_by_its_own_commit_and_nothing_else_changes(
    chain_layout: Layout, checkout: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = checkout.git("rev-parse", "--short=12", "HEAD")
    made_by(chain_layout, commit)
    (checkout.path / "gsv_pipeline" / "__init__.py").write_text("raise ImportError('not of that commit')\n")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(running.tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    before = tree(chain_layout.root), tree(checkout.path / "gsv_pipeline"), checkout.git("status", "--porcelain")
    page = chain_layout.root / REPORT / "report.html"
    done = reproduce(chain_layout, str(page), tracker=TRACKER, repository=checkout.path)
    assert (done.agreement.verdict, done.agreement.moved, done.commit) == (EQUAL, 0, commit)
    assert list(done.changes) == []
    after = tree(chain_layout.root), tree(checkout.path / "gsv_pipeline"), checkout.git("status", "--porcelain")
    assert after == before
    assert len(checkout.git("worktree", "list").splitlines()) == 1
    assert list((tmp_path / "temporary").iterdir()) == []


def test_code_that_no_commit_holds_is_refused_with_a_way_out(chain_layout: Layout) -> None:
    made_by(chain_layout, "0123456789ab")
    assert plan_reproduction(chain_layout, REPORT, here=False).commit == "0123456789ab"
    made_by(chain_layout, "0123456789ab+changes", only="checkpoint/demo")
    with pytest.raises(ConfigError, match=r"checkpoint/demo came from code with changes .* --here"):
        plan_reproduction(chain_layout, REPORT, here=False)
    made_by(chain_layout, "", only=REPORT)
    with pytest.raises(ConfigError, match=rf"{REPORT} came from code outside of a git checkout.* --here"):
        plan_reproduction(chain_layout, REPORT, here=False)
    assert plan_reproduction(chain_layout, REPORT, here=True).commit == ""


def test_a_commit_that_git_does_not_know_is_refused(chain_layout: Layout, checkout: Repository) -> None:
    made_by(chain_layout, "0123456789ab")
    with pytest.raises(ConfigError, match="git knows no commit '0123456789ab'"):
        reproduce(chain_layout, REPORT, tracker=TRACKER, repository=checkout.path)


def test_the_plan_repeats_what_the_manifests_say(chain_layout: Layout) -> None:
    path = chain_layout.embeddings("demo_test", "demo") / "manifest.json"
    manifest = json.loads(path.read_text())
    size = {"height": 48, "width": 64, "interpolation": "bilinear"}
    changed = {**manifest["config"], "image": size, "precision": "bf16-mixed", "skip_broken": True}
    path.write_text(json.dumps({**manifest, "config": changed}))
    shutil.rmtree(chain_layout.root / "history")
    plan = plan_reproduction(chain_layout, REPORT, here=True)
    who = ["--experiment", "demo-again"]
    assert plan.commands() == [
        ["catalog", "demo", "--look", "quick", "--max-quarantined", "0.01"],
        ["benchmark", "demo_test"],
        ["benchmark", "demo_val"],
        ["places", "demo-again"],
        ["train", "demo-again"],
        ["embed", "demo_test", *who, "--precision", "bf16-mixed", "--skip-broken"],
        ["index", "demo_test", *who],
        ["evaluate", "demo_test", *who],
    ]
    assert plan.experiment["evaluation_image"] == size
    assert plan.experiment["training"]["epochs"] == 2  # as it was resolved, settings of the command line included
    assert "name" not in plan.experiment
    assert plan.datasets == ["demo"]


def test_without_the_very_checkpoint_nobody_knows_the_experiment(chain_layout: Layout) -> None:
    shutil.rmtree(chain_layout.checkpoint("demo"))
    with pytest.raises(DataError, match="checkpoint/demo in version .* is gone"):
        plan_reproduction(chain_layout, REPORT, here=True)


def test_a_broken_chain_is_whole_as_long_as_the_history_remembers_it(chain_layout: Layout) -> None:
    shutil.rmtree(chain_layout.catalog("demo"))
    assert plan_reproduction(chain_layout, REPORT, here=True).commands()[0][:2] == ["catalog", "demo"]
    shutil.rmtree(chain_layout.root / "history")
    with pytest.raises(DataError, match="broken at catalog/demo"):
        plan_reproduction(chain_layout, REPORT, here=True)


def test_only_recall_reports_can_be_reproduced(chain_layout: Layout) -> None:
    with pytest.raises(ConfigError, match="checkpoint/demo is no recall report"):
        plan_reproduction(chain_layout, "checkpoint/demo", here=True)


def test_data_that_changed_without_a_snapshot_are_refused(chain_layout: Layout, tmp_path: Path) -> None:
    plan = plan_reproduction(chain_layout, REPORT, here=True)
    photo = next(iter(sorted(chain_layout.dataset("demo").rglob("*.[jJ]*"))))
    save_photo(photo, 5)
    with (
        pytest.raises(DataError, match="'demo' is not what the report was made of"),
        prepared_root(plan, tmp_path / "again", tracker=TRACKER),
    ):
        pytest.fail("it was accepted")


def test_the_temporary_root_leads_to_the_images_and_holds_the_experiment(chain_layout: Layout, tmp_path: Path) -> None:
    for folder in (chain_layout.experiments(), chain_layout.benchmarks()):
        folder.mkdir()
    (chain_layout.experiments() / "their_model.py").write_text("model = None\n")
    plan = plan_reproduction(chain_layout, REPORT, here=True)
    with prepared_root(plan, tmp_path / "again", tracker=TRACKER) as ground:
        assert read_location(ground.dataset("demo")).root == read_location(chain_layout.dataset("demo")).root.resolve()
        assert sorted(path.name for path in ground.dataset("demo").iterdir()) == ["location.json", "manifest.json"]
        assert yaml.safe_load((ground.experiments() / "demo-again.yaml").read_text()) == plan.experiment
        assert (ground.experiments() / "their_model.py").is_file()
        assert stages.build_catalog(ground, "demo", tracker=TRACKER).metadata["images"] == 116


Commands = Sequence[Sequence[str]]


@pytest.fixture
def pretend(chain_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Run nothing: the report that comes out is the first one, its ranks all replaced if a rank is given."""

    def use(rank: int | None) -> None:
        def fake(commands: Commands, *, code: Path, ground: Layout) -> None:
            target = ground.recall_report("demo_test", "demo-again")
            shutil.copytree(chain_layout.root / REPORT, target)
            if rank is not None:
                table = pd.read_parquet(target / OUTCOMES_FILE)
                table.assign(rank=rank).to_parquet(target / OUTCOMES_FILE, index=False)

        monkeypatch.setattr(running, "_run", fake)
        monkeypatch.setattr(running, "recorded_steps", lambda *_: {})
        monkeypatch.setattr(running, "step_changes", lambda *_: [])

    return use


def test_the_command_says_whether_the_numbers_agree(
    chain_layout: Layout, pretend: Callable[[int | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data-root", str(chain_layout.root), "reproduce", "--here", REPORT]
    pretend(None)
    assert run(command) == 0
    printed = capsys.readouterr().out
    assert f"{REPORT} is reproduced: equal." in printed
    assert "R@10" in printed
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["agreement"]["moved"]) == (EQUAL, 0)
    path = chain_layout.root / REPORT / OUTCOMES_FILE
    table = pd.read_parquet(path)
    table.assign(rank=0, place=[f"place {row}" for row in range(len(table))]).to_parquet(path, index=False)
    pretend(25)
    assert run(command) == 1
    assert f"is not reproduced: its numbers are {DIFFERENT}" in capsys.readouterr().err


def test_what_is_kept_is_told_and_stays(
    chain_layout: Layout, pretend: Callable[[int | None], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.tempfile, "tempdir", str(tmp_path))
    pretend(None)
    done = reproduce(chain_layout, REPORT, tracker=TRACKER, here=True, keep=True)
    assert done.folder is not None
    assert (done.folder / "data" / "recall_report" / "demo_test" / "demo-again" / "recall.json").is_file()
    assert reproduce(chain_layout, REPORT, tracker=TRACKER, here=True).folder is None
    assert list(tmp_path.glob("gsv-reproduce-*")) == [done.folder]


def test_a_command_that_fails_ends_the_reproduction(chain_layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a command ended with 2"):
        running._run([["catalog", "nowhere"]], code=ROOT, ground=Layout(tmp_path / "data"))


def test_code_of_another_place_does_not_stand_in_for_the_commit(chain_layout: Layout) -> None:
    plan = replace(plan_reproduction(chain_layout, REPORT, here=True), commit="0123456789ab")
    with pytest.raises(RunError, match="expected 0123456789ab"):
        running._check_code(plan, chain_layout.root / REPORT)
    with pytest.raises(DataError, match="there is no"):
        running._check_code(plan, chain_layout.root / "recall_report" / "demo_test" / "none")


def test_a_worktree_runs_no_hook_and_leaves_nothing_unless_it_is_kept(checkout: Repository, tmp_path: Path) -> None:
    hook = checkout.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    with worktree(checkout.path, "HEAD", tmp_path / "kept", keep=True) as code:
        assert (code / "gsv_pipeline" / "stages.py").is_file()
    assert (tmp_path / "kept").is_dir()

    def fail_in_the_middle() -> None:
        with worktree(checkout.path, "HEAD", tmp_path / "code"):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail_in_the_middle()
    assert not (tmp_path / "code").exists()
    assert not (tmp_path / "hooked").exists()
    assert len(checkout.git("worktree", "list").splitlines()) == 2  # the checkout itself and what was kept


def test_data_that_changed_since_a_snapshot_are_brought_back_beside_them(
    tmp_path: Path, own_surroundings: None
) -> None:
    repository = Repository(tmp_path / "repository")
    (repository.path / ".dvc").mkdir(parents=True)
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(ROOT / name, repository.path / name)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "Start")
    write_city(tmp_path / "copy", "London", shots_of(2, 3))
    layout = repository.layout
    arguments = {"path": str(tmp_path / "copy")}
    stages.fetch_dataset(layout, "town", tracker=TRACKER, source="folder", arguments=arguments)
    snapshot(layout, "town", tracker=TRACKER, copy=True, message="First")
    artifact = layout.dataset("town")
    version = listing_of(read_location(artifact)).version
    before = contents(artifact)
    photo = next(iter(sorted(artifact.rglob("*.JPG"))))
    photo.unlink()  # DVC may have linked it to its cache
    save_photo(photo, 99)
    changed = contents(artifact), repository.git("status", "--porcelain")
    manifest = json.loads((artifact / "manifest.json").read_text())
    dataset = Step(manifest["data_version"], manifest["created"], rooms=manifest["versions"], config=manifest["config"])
    steps = {"dataset/town": dataset, "catalog/town": Step("1", "then", ("dataset/town",), config={"files": version})}
    plan = Plan(layout, layout.recall_report("b", "e"), steps, "", {"training": {}})
    with prepared_root(plan, tmp_path / "again", tracker=TRACKER) as ground:
        assert contents(read_location(ground.dataset("town")).root) == before
    assert (contents(artifact), repository.git("status", "--porcelain")) == changed
    assert len(repository.git("worktree", "list").splitlines()) == 1


def test_no_process_outlives_a_reproduction_that_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    class Watched(popen):  # type: ignore[type-arg, misc, valid-type]
        def wait(self, timeout: float | None = None) -> int:
            if not started:
                started.append(self)
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr(running, "_COMMANDS", "import time; time.sleep(60)")
    monkeypatch.setattr(running.subprocess, "Popen", Watched)
    with pytest.raises(KeyboardInterrupt):
        running._run([], code=ROOT, ground=Layout(tmp_path))
    assert started[0].poll() is not None
