"""`check` with settings, and what `show` says to whoever names an experiment alone."""

from pathlib import Path

import pytest

from gsv_pipeline import cli


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["demo", "training.epochs=3", "--resolved"], 0, "epochs: 3"),
        (["training.epochs=3", "demo"], 0, "demo: valid"),
        (["demo", "training.optimizer.name=adan"], 2, "demo: Unknown optimizer 'adan'. Did you mean 'adam'?"),
        (["demo", "training.epoch=3"], 2, "Unknown setting 'epoch'. Did you mean 'epochs'?"),
        (["demo", "training.epochs="], 2, "with training.epochs= is not a valid experiment"),
    ],
)
def test_check_takes_settings_as_the_other_commands_do(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["--data-root", str(tmp_path), "check", *arguments]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert "Unknown experiment" not in captured.err


def test_show_says_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--data-root", str(tmp_path), "show", "demo"]) == 2
    told = capsys.readouterr().err
    assert "'demo' cannot be shown. Say what of an experiment to draw: gsv-pipeline show places EXPERIMENT" in told
