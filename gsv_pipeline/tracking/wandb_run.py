"""Runs on Weights & Biases: offline unless a key is present, and never a reason for a stage to fail."""

import logging
import os
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from gsv_pipeline.tracking.protocol import NullTracker, Tracker, Trackers

PROJECT: Final = "gsv-pipeline"
LOG_EVERY_STEPS: Final = 5
ANSWER_S: Final = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def wandb_run(
    tracker: Tracker, *, run_id: str, experiment: str, job_type: str, config: Mapping[str, Any], folder: Path
) -> Iterator[Tracker]:
    """`tracker` and a W&B run side by side; `tracker` alone where W&B is absent, disabled or failing.

    Args:
        tracker: What else is told.
        run_id: From the fingerprint of what is made, so that a resumed stage continues its run.
        experiment: Group of the run.
        job_type: `train` or `benchmark`.
        config: The whole experiment and the versions of its inputs.
        folder: Where run files go.
    """
    run = _start(run_id=run_id, experiment=experiment, job_type=job_type, config=config, folder=folder, tracker=tracker)
    if run is None:
        yield tracker
        return
    sink = WandbTracker(run)
    try:
        yield Trackers(tracker, sink)
    except BaseException:
        sink.finish(exit_code=1)
        raise
    sink.finish(exit_code=0)


def choose_mode() -> str:
    """`WANDB_MODE` if set; else online where a key is found, offline where none is."""
    asked = os.environ.get("WANDB_MODE")
    if asked:
        return asked
    return "online" if os.environ.get("WANDB_API_KEY") or _netrc_has_key() else "offline"


class WandbTracker(NullTracker):
    """One run. Every failure is logged once and swallowed: tracking must not cost a training run.

    Args:
        run: What `wandb.init` returned.
    """

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log at `step`; every fifth training step, every validation."""
        if step % LOG_EVERY_STEPS and all(name.startswith("train/") for name in metrics):
            return
        self._guard(lambda: self._run.log({"step": step, **metrics}))

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
        """Log a table."""
        import wandb

        self._guard(lambda: self._run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])}))

    def artifact(self, name: str, path: Path, kind: str) -> None:
        """Log a file or a folder as an artifact."""
        import wandb

        def add() -> None:
            artifact = wandb.Artifact(name, type=kind)
            (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
            self._run.log_artifact(artifact)

        self._guard(add)

    def finish(self, *, exit_code: int) -> None:
        """Close the run."""
        self._guard(lambda: self._run.finish(exit_code=exit_code))

    def _guard(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever the service does, the stage goes on
            _log.warning("W&B failed and is left out: %s", error)


def _start(
    *, run_id: str, experiment: str, job_type: str, config: Mapping[str, Any], folder: Path, tracker: Tracker
) -> Any | None:
    mode = choose_mode()
    if mode == "disabled":
        return None
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        if mode == "online" and not _answers(url := wandb.setup().settings.base_url):
            tracker.message(f"W&B at {url} does not answer; logging offline to {folder} (wandb sync uploads it)")
            mode = "offline"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own start-up chatter; failures arrive as exceptions
            run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                id=run_id,
                name=f"{experiment} {job_type}",
                group=experiment,
                job_type=job_type,
                config=dict(config),
                dir=str(folder),
                mode=mode,  # type: ignore[arg-type]
                resume="allow" if mode == "online" else None,
                settings=wandb.Settings(console="off", silent=True, x_disable_stats=mode == "offline", init_timeout=30),
            )
            run.define_metric("*", step_metric="step")
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001 - no key, no network, a broken installation: the stage goes on without
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        tracker.message(f"W&B is not available ({reason}); going on without it")
        return None
    return run


def _answers(url: str) -> bool:
    """Whether something accepts connections there. Asked first, since W&B itself tries for half a minute."""
    address = urlsplit(url)
    if address.scheme in getproxies():
        return True
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=ANSWER_S):
            return True
    except OSError:
        return False


def _netrc_has_key() -> bool:
    import netrc

    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False
