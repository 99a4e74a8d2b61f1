"""Files that are whole or not there, on disks that are full."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.training import saving
from gsv_pipeline.training.saving import tensor_bytes, write_whole
from gsv_pipeline.training.state import load_best, save_best

# The kernel refuses to let a file of this process grow beyond 200 kB, as a full disk would, and torch is in the middle.
SMALL_DISK = """
import resource, sys, torch
from pathlib import Path
from gsv_pipeline.errors import RunError
from gsv_pipeline.training.saving import write_whole
path = Path(sys.argv[1])
write_whole(path, {"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for numbers in (45_000, 60_000, 5_000_000):
    try:
        write_whole(path, {"step": 2, "weights": {"a": torch.ones(numbers), "b": torch.ones(9)}})
    except RunError as error:
        print(error)
"""


def test_a_disk_that_fills_up_while_writing_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2  # the first one still fits
    for line in lines:
        assert "is too full to save the training state" in line
        assert "(File too large). What was saved before is whole" in line
    assert torch.load(path, weights_only=True)["step"] == 2
    assert [item.name for item in tmp_path.iterdir()] == ["last.ckpt"]


def test_room_is_looked_for_before_a_byte_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    monkeypatch.setattr(saving, "MARGIN_BYTES", 10**18)
    monkeypatch.setattr(saving, "_write", lambda *_: pytest.fail("it wrote"))
    with pytest.raises(
        RunError, match=r"1000000.0 TB needed, .* free. Nothing was saved before. Free some space"
    ) as caught:
        write_whole(path, {"weights": torch.ones(1000)})
    assert caught.value.details["bytes_needed"] == 10**18 + 4000
    assert not list(tmp_path.iterdir())


def test_other_failures_stay_what_they_are_and_leave_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    write_whole(path, {"step": 1})
    for failure in (OSError(errno.EIO, "broken disk"), RuntimeError("a bug"), KeyboardInterrupt()):

        def break_off(temporary: Path, content: object, failure: BaseException = failure) -> None:
            temporary.write_bytes(b"half")
            raise failure

        monkeypatch.setattr(saving, "_write", break_off)
        with pytest.raises(type(failure)):
            write_whole(path, {"step": 2})
        assert [item.name for item in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True)["step"] == 1


def test_bytes_of_nested_tensors_are_counted() -> None:
    content = {"a": torch.zeros(10), "b": [torch.zeros(2, dtype=torch.float64), {"c": (torch.zeros(1),)}], "d": "text"}
    assert tensor_bytes(content) == 40 + 16 + 4


def test_best_weights_come_back_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    save_best(tmp_path, model=model, step=12)
    weights = load_best(tmp_path, 12)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    (tmp_path / "best-12.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match=r"best-12.ckpt cannot be resumed from .* Start anew with --restart"):
        load_best(tmp_path, 12)
