"""A process that logs through the real W&B client, as a training would."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

RUN = """
import json, os, sys
from pathlib import Path
from PIL import Image
from gsv_pipeline.tracking import NullTracker, Trackers, wandb_service
from gsv_pipeline.tracking.files import JsonLinesTracker
from gsv_pipeline.tracking.wandb_memory import RunMemory
from gsv_pipeline.tracking import wandb_run as module
from gsv_pipeline.tracking.wandb_run import RunDescription, page_of, wandb_run

module.INIT_S, wandb_service.ANSWER_S = json.loads(os.environ.get("WAITS", "[60.0, 30.0]"))
folder, first, last, pauses, fails = Path(sys.argv[1]), *json.loads(sys.argv[2])

class Said(NullTracker):
    def message(self, text):
        print(text, flush=True)

(folder / "manifest.json").write_text('{"images": 12}')
(folder / "model.txt").write_text("weights")
Image.new("RGB", (40, 30)).save(folder / "gallery.jpg")
log = folder / "metrics.jsonl"
memory = RunMemory.open(folder / "memory.json", log=log)
description = RunDescription(
    run_id=f"train-{memory.attempt}", experiment="demo", job_type="train", tags=["demo", "resnet18"],
    config={"seed": 1, "inputs": {"places/demo": "abc"}}, data={"places-demo": [folder / "manifest.json"]},
    redistributable=True,
)
with wandb_run(Trackers(Said(), JsonLinesTracker(log)), description, folder=folder / "wandb", memory=memory) as run:
    (folder / "page.txt").write_text(page_of(run))
    for step in range(first, last + 1):
        run.log({"train/loss": 1 / step}, step)
        if pauses and step == pauses:
            print("paused", flush=True)
            sys.stdin.readline()
    run.log({"demo_val/R@1": 0.5}, last)
    run.picture("demo_val/retrievals", folder / "gallery.jpg", last)
    run.table("recall", ["method", "R@1"], [["demo", 0.8]])
    run.artifact("demo-checkpoint", folder / "model.txt", "model", metadata={"R@1": 0.5})
    if fails:
        raise KeyboardInterrupt
    print("worked", flush=True)
"""


FOREIGN = ("WANDB", "NETRC", "GSV_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Beginnings of variables that would lead a client of the tests elsewhere."""


@dataclass(slots=True)
class Client:
    """A process under way."""

    process: subprocess.Popen[str]
    started: float

    def wait_for(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise AssertionError(self.process.stderr.read() if self.process.stderr else "")

    def go_on(self) -> list[str]:
        """Let it run to its end; what it says."""
        said, errors = self.process.communicate("\n", timeout=120)
        assert self.process.returncode == 0, errors
        return said.splitlines()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def start(
    folder: Path, first: int, last: int, *, pauses: int = 0, fails: bool = False, environment: dict[str, str]
) -> Client:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), json.dumps([first, last, pauses, fails])],
        env={**kept, "HOME": str(folder), **environment},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Client(process, time.monotonic())


def run(folder: Path, first: int, last: int, **environment: str) -> list[str]:
    """From start to end; what it says."""
    return start(folder, first, last, environment=environment).go_on()


def run_id(folder: Path) -> str:
    return f"train-{json.loads((folder / 'memory.json').read_text())['attempt']}"


def files_that_hold(folder: Path, secret: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    return [path for path in files if secret.encode() in path.read_bytes()]
