"""The command line: exit codes, one message an error, help for every command."""

import json
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from gsv_pipeline import cli, stages
from gsv_pipeline.errors import RunError, StoppedError
from gsv_pipeline.layout import Layout
from tests.tiny import TINY_TRAINING


def run(*arguments: str, root: Path) -> int:
    return cli.run(["--data-root", str(root), *arguments])


def test_every_command_explains_itself() -> None:
    commands = sorted(cli.cli.commands)
    stages = {"fetch", "catalog", "places", "benchmark", "train", "embed", "index", "evaluate", "leaderboard"}
    assert stages | {"accept", "check", "compare", "data", "export", "gate", "list", "match", "show", "track"} <= set(
        commands
    )
    for name in commands:
        result = CliRunner().invoke(cli.cli, [name, "--help"])
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 4, name


def test_the_help_of_train_says_what_becomes_of_what_is_there() -> None:
    said = " ".join(CliRunner().invoke(cli.cli, ["train", "--help"]).output.split())
    for promise in (
        "an interrupted run goes on",
        "What is finished is left as it is while its places are the same",
        "other settings than those that made it are refused",
        "--restart begins anew in any case, --replace only where settings changed",
        "the checkpoint that is there is kept as NAME.previous once the new one is finished",
        "the state of an interrupted training is set aside",
        "a restart that was interrupted goes on",
    ):
        assert promise in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "dmo"], "Unknown experiment 'dmo'. Did you mean 'demo'?"),
        (["fetch", "dmo"], "Unknown data set 'dmo'. Did you mean 'demo'?"),
        (["fetch", "demo", "seed"], "'seed' is no setting. Expected key=value"),
        (["fetch", "demo", "places=0"], "places is 0, expected a whole number from 1 to 100000"),
        (["fetch", "gsv_cities", "--source", "folder", "path=/no/such/folder"], "no such folder"),
        (["fetch", "mine", "--source", "folder", "path="], "'path=' has no value"),
        (["fetch", "mine", "--source", "folder", "path=/no/town #2"], "/no/town #2 is no copy of GSV-Cities"),
        (["fetch", "mine", "--source", "folder", "path=/no/2024_05"], "/no/2024_05 is no copy of GSV-Cities"),
        (["fetch", "demo", "places=99999999999999"], "expected a whole number from 1 to 100000"),
        (["places", "demo", "--filter", "cities="], "--filter 'cities=' has no value"),
        (["places", "demo", "--filter", "years=abc"], "demo.yaml with places.years=abc is not a valid experiment"),
        (["benchmark", "demo_tset"], "Unknown benchmark 'demo_tset'. Did you mean 'demo_test'?"),
        (["train", "demo", "training.epoch=3"], "Unknown setting 'epoch'. Did you mean 'epochs'?"),
        (["train", "demo", "model.aggregator.name=netvlda"], "Unknown aggregator 'netvlda'"),
        (["train", "demo", "training.loss.name=tripelt"], "Unknown loss 'tripelt'. Did you mean 'triplet'?"),
        (["train", "demo", "training.miner.margin=1"], "unexpected argument 'margin'"),
        (["train", "demo"], "'places/demo' is needed, but it is missing. Run: gsv-pipeline places demo"),
        (["embed", "demo_test"], "Missing option '--experiment'"),
        (["nonsense"], "No such command 'nonsense'"),
        (["match", "nowhere", "elsewhere", "-e", "demo"], "nowhere is no folder"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, root=tmp_path / "data") == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not list(tmp_path.rglob("*.partial"))


def test_a_data_root_that_cannot_be_made_says_how_to_choose_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run("fetch", "demo", root=tmp_path / "file" / "data") == 2
    assert "Choose another one with --data-root or GSV_DATA_ROOT" in capsys.readouterr().err


def test_exit_codes_of_failures_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stops = ((StoppedError("stopped"), 143), (StoppedError("stopped", signal.SIGINT), 130), (KeyboardInterrupt(), 130))
    for error, code in ((RunError("it broke"), 1), *stops):

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(stages, "fetch_dataset", fail)
        assert run("fetch", "demo", root=tmp_path) == code
    assert "Error: it broke" in capsys.readouterr().err


def test_the_whole_chain_by_commands_prints_paths_and_a_table(
    tiny_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    root = tmp_path / "data"
    shutil.copytree(tiny_demo, root)
    experiment = ["--experiment", "demo", *TINY_TRAINING]
    for arguments in (
        ["fetch", "demo"],
        ["catalog", "demo"],
        ["places", "demo", *TINY_TRAINING],
        ["benchmark", "demo_val"],
        ["benchmark", "demo_test"],
        ["train", "demo", *TINY_TRAINING],
        ["embed", "demo_test", *experiment],
        ["index", "demo_test", *experiment],
        ["evaluate", "demo_test", *experiment],
        ["leaderboard"],
    ):
        assert run(*arguments, root=root) == 0, arguments
    printed = capsys.readouterr().out
    report = Layout(root).recall_report("demo_test", "demo") / "report.html"
    assert report.is_file()
    assert f"Report: {report}" in printed
    assert "(unchanged)" in printed
    for row in ("untrained", "colour histogram", "thumbnail", "demo"):
        assert row in printed


def test_leaderboard_without_reports_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("leaderboard", root=tmp_path) == 0
    assert "No recall report yet. Run: make demo" in capsys.readouterr().out
    assert json.loads((tmp_path / "leaderboard" / "leaderboard.json").read_text()) == []


def test_list_and_check_cover_shipped_and_own_experiments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", root=tmp_path) == 0
    assert run("check", root=tmp_path) == 0
    printed = capsys.readouterr().out
    assert "convap_resnet50: valid" in printed
    assert "demo_test" in printed
    assert "aggregator: avg, boq, convap" in printed
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("training: {loss: {name: nothing}}\n")
    (tmp_path / "experiments" / "broken.yaml").write_text("training: [\n")
    assert run("check", root=tmp_path) == 2
    captured = capsys.readouterr()
    assert "mine: Unknown loss 'nothing'" in captured.err
    assert "broken.yaml is not readable as YAML" in captured.err
    assert "demo: valid" in captured.out
    assert run("list", root=tmp_path) == 0
    assert "not valid" in capsys.readouterr().out
    (tmp_path / "experiments" / "demo.yaml").write_text("training: {}\n")
    assert run("check", root=tmp_path) == 2
    assert "has the name of a shipped one" in capsys.readouterr().err


def test_of_several_processes_the_first_one_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, said in (("0", 1), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        assert run("train", "dmo", root=tmp_path) == 2
        assert capsys.readouterr().err.count("Unknown experiment 'dmo'") == said


def test_main_exits_with_the_code(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main(["--data-root", str(tmp_path), "train", "dmo"])
        with pytest.raises(StoppedError):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 2


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_data_root_is_refused_and_not_taken_for_the_current_folder(given, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["--data-root", given, "fetch", "demo"]) == 2
    assert "'--data-root': it is empty. Name a folder, or leave it out for GSV_DATA_ROOT" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_data_root_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.run(["--data-root", str(tmp_path / "file"), "status"]) == 2
    assert "is a file. Name a folder" in capsys.readouterr().err
