"""Runs on Weights & Biases: offline unless a key is present, and never a reason for a stage to fail."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.tracking.protocol import Tracker, Trackers
from gsv_pipeline.tracking.wandb_memory import OFFLINE, ONLINE, RunMemory
from gsv_pipeline.tracking.wandb_service import answers, choose_mode, reason, shown
from gsv_pipeline.tracking.wandb_sink import PICTURES_VARIABLE, WandbTracker

PROJECT: Final = "gsv-pipeline"
LONGEST_TAG: Final = 64  # characters; W&B refuses more
INIT_S: Final = 30.0
FINISH_S: Final = 120.0
"""How long the end of a run may wait for uploads; the environment's `WANDB_FINISH_TIMEOUT` overrules it."""


@dataclass(frozen=True, slots=True)
class RunDescription:
    """What a run is, for people who look for it later.

    Args:
        run_id: From the fingerprint of what is made, so that a resumed stage continues its run.
        experiment: Group of the run.
        job_type: `train`, `embed` or `benchmark`.
        config: The whole experiment, the versions of its inputs, code and machine.
        tags: What runs are picked by: data set, backbone, aggregator, loss.
        data: Small files that stand for the data, by name of the artifact; never images.
        redistributable: Whether the images may be copied to public places.
    """

    run_id: str
    experiment: str
    job_type: str
    config: Mapping[str, Any]
    tags: Sequence[str] = ()
    data: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    redistributable: bool = False


@contextmanager
def wandb_run(
    tracker: Tracker, description: RunDescription, *, folder: Path, memory: RunMemory | None = None
) -> Iterator[Tracker]:
    """`tracker` and a W&B run side by side; `tracker` alone where W&B is absent, disabled or failing.

    Args:
        tracker: What else is told.
        description: What the run is.
        folder: Where run files go.
        memory: Of a run that may be resumed.
    """
    sink = _open(tracker, description, folder=folder, memory=memory)
    if sink is None:
        yield tracker
        return
    try:
        for name, files in description.data.items():
            sink.use(name, files, metadata={"inputs": description.config.get("inputs", {})})
        yield Trackers(tracker, sink)
    except BaseException:
        sink.finish(exit_code=1)
        raise
    sink.finish(exit_code=0)


def page_of(run: Tracker) -> str:
    """Where people see the run that `wandb_run` gave; empty where it is offline, or there is none."""
    if isinstance(run, WandbTracker):
        return run.page
    return next(filter(None, map(page_of, run.sinks)), "") if isinstance(run, Trackers) else ""


def _open(
    tracker: Tracker, description: RunDescription, *, folder: Path, memory: RunMemory | None
) -> WandbTracker | None:
    mode = choose_mode()
    if mode == "disabled" or os.environ.get("RANK", "0") != "0":  # of several processes the first one speaks
        return None
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    pictures = {"1": True, "0": False}.get(os.environ.get(PICTURES_VARIABLE, ""), description.redistributable)
    try:
        run, url = _start(mode, description, folder=folder, memory=memory, tracker=tracker)
        return WandbTracker(run, tell=tracker.message, url=url, pictures=pictures, memory=memory)
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001 - a folder that is a file, a broken installation: the stage goes on
        tracker.message(f"W&B is not available ({reason(error)}); going on without it")
        return None


def _start(
    mode: str, description: RunDescription, *, folder: Path, memory: RunMemory | None, tracker: Tracker
) -> tuple[Any, str | None]:
    """A run, and the URL of its service; offline, None. What cannot go online is kept offline."""
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WANDB_DATA_DIR", str(folder / "data"))  # copies of checkpoints, else kept in the home folder
    if mode != ONLINE:
        return _init(description, mode=mode, folder=folder), None
    url = str(wandb.setup().settings.base_url)
    hindrance = _hindrance(url, memory)
    if not hindrance:
        try:
            return _init(description, mode=mode, folder=folder), url
        except Exception as error:  # noqa: BLE001 - a key that is refused, a service that falls silent
            hindrance = f"W&B at {shown(url)} failed ({reason(error)})"
            wandb.teardown()  # else the run counts as being in use
    tracker.message(f"{hindrance}; logging offline to {folder} (gsv-pipeline track sync uploads it)")
    return _init(description, mode=OFFLINE, folder=folder), None


def _hindrance(url: str, memory: RunMemory | None) -> str:
    """Why a run cannot go online; empty where it can."""
    if memory and memory.mode == OFFLINE and memory.handed >= 0:
        return "This W&B run was begun offline, so it goes on offline"
    return "" if answers(url) else f"W&B at {shown(url)} does not answer"


def _init(description: RunDescription, *, mode: str, folder: Path) -> Any:
    import wandb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own start-up chatter; failures arrive as exceptions
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=description.run_id,
            name=f"{description.experiment} {description.job_type}",
            group=description.experiment,
            job_type=description.job_type,
            tags=[tag[:LONGEST_TAG] for tag in description.tags],
            config=dict(description.config),
            dir=str(folder),
            mode=mode,  # type: ignore[arg-type]
            resume="allow",  # offline too: it is written down, and `wandb sync` then appends to what the service has
            settings=wandb.Settings(**_settings(mode)),
        )
        run.define_metric("*", step_metric="step")
    return run


def _settings(mode: str) -> dict[str, Any]:
    """The commit is in the config: W&B would add the remote's URL (which may hold a token) and the sources."""
    finish = {} if "WANDB_FINISH_TIMEOUT" in os.environ else {"finish_timeout": FINISH_S}
    return {
        "console": "off",
        "silent": True,
        "disable_git": True,
        "disable_code": True,
        "reinit": "create_new",
        "x_disable_stats": mode == OFFLINE,
        "init_timeout": INIT_S,
        "finish_timeout_raises": True,
        **finish,
    }
