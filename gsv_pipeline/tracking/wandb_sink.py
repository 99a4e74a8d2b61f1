"""What is logged, sent to a run on Weights & Biases. Whatever fails there, the stage goes on."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gsv_pipeline.tracking.csv_log import STEP, TRAINING
from gsv_pipeline.tracking.protocol import NullTracker
from gsv_pipeline.tracking.wandb_folder import hold_open, mark_unsent
from gsv_pipeline.tracking.wandb_memory import OFFLINE, ONLINE, RunMemory
from gsv_pipeline.tracking.wandb_service import answers, reason

LOG_EVERY_STEPS: Final = 5
USE_S: Final = 30.0
"""How long the service may take to note an input; W&B itself sets no limit there."""
PICTURES_VARIABLE: Final = "GSV_TRACK_IMAGES"


class WandbTracker(NullTracker):
    """One run. The first failure is told, all are swallowed: tracking must not cost a training run.

    Args:
        run: What `wandb.init` returned.
        tell: Takes a sentence for the person who waits.
        url: Of the service, None offline.
        pictures: Whether photographs may go to the service.
        memory: Of a run that may be resumed.
    """

    def __init__(
        self,
        run: Any,
        *,
        tell: Callable[[str], None],
        url: str | None = None,
        pictures: bool = True,
        memory: RunMemory | None = None,
    ) -> None:
        self._run, self._tell, self._url, self._memory = run, tell, url, memory
        self._shows_pictures = pictures
        self._told: set[str] = set()
        folder = Path(run.dir).parent
        at_service = run.starting_step - 1 if run.resumed else None
        mode = ONLINE if url else OFFLINE
        self._since = memory.begin(folder, mode=mode, at_service=at_service) if memory else -1
        self._is_caught_up = memory is None
        self._last_step = 0
        self._open_file = hold_open(folder)

    @property
    def page(self) -> str:
        """Its address at the service; empty offline."""
        return str(self._run.url or "") if self._url else ""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Every fifth training step, every validation; what an interrupted process logged is left out."""
        if _is_worth_it(metrics, step):
            self._send(dict(metrics), step)

    def picture(self, name: str, path: Path, step: int) -> None:
        """Log an image."""
        if self._shows_pictures:
            self._send({name: str(path)}, step)
        else:
            self._tell_once(
                f"Pictures stay in {path.parent}: their licence does not admit copies in public places, and a W&B "
                f"project can be one. {PICTURES_VARIABLE}=1 sends them, where the project is yours alone."
            )

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | float]]) -> None:
        """Log a table, at the last step."""
        kept = [list(row) for row in rows]

        def add() -> None:
            import wandb

            table = wandb.Table(columns=list(columns), data=kept)
            self._run.log({name: table}, step=max(self._last_step, self._since + 1))

        self._guard(add)

    def artifact(self, name: str, path: Path, kind: str, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Log a file or a folder as an artifact."""

        def add() -> None:
            self._require_service()
            self._run.log_artifact(_artifact(name, [path], kind, metadata))

        self._guard(add)

    def use(self, name: str, files: Sequence[Path], *, metadata: Mapping[str, Any]) -> None:
        """Say what the run is made from: draws the edge from a data set's small files to this run. Online only."""
        if self._url is None:
            return  # W&B refuses; an offline run has the hashes in its config
        self._guard(lambda: _within(USE_S, lambda: self._run.use_artifact(_artifact(name, files, "dataset", metadata))))

    def finish(self, *, exit_code: int) -> None:
        """Close the run; it waits for the service as long as W&B's `finish_timeout` says."""
        try:
            self._run.finish(exit_code=exit_code)
        except TimeoutError:
            self._keep_for_later()
        except Exception as error:  # noqa: BLE001 - whatever the service does, the stage goes on
            self._fail(error)
        else:
            if self._memory:
                self._memory.end()
        if self._open_file:
            self._open_file.close()

    def _send(self, row: Mapping[str, Any], step: int) -> None:
        if not self._is_caught_up:
            self._catch_up(step)
        if step < self._since or (step == self._since and _is_training(row)):
            return
        self._guard(lambda: self._write(row, step))
        self._last_step = max(step, self._last_step)
        if self._memory:
            self._memory.hand(step)

    def _catch_up(self, step: int) -> None:
        """Tell what was logged before and did not arrive."""
        self._is_caught_up = True
        assert self._memory is not None  # nothing is behind without one
        for past, row in self._memory.rows(after=self._since, before=step).items():
            known = {name: value for name, value in row.items() if value is not None and _is_there(value)}
            if known and _is_worth_it(known, past):
                self._send(known, past)

    def _write(self, row: Mapping[str, Any], step: int) -> None:
        shown = {name: value for name, value in row.items() if not isinstance(value, str)}
        for name in (name for name in row if self._shows_pictures and name not in shown):
            shown[name] = _image(row[name])
        # W&B's own counter is the step too: its rows stay in order when the parts of a resumed run are put together.
        # What completes the last row of a part that came to its end (recalls) is a row of its own behind it.
        self._run.log({STEP: step, **shown}, step=max(step, self._since + 1))

    def _require_service(self) -> None:
        if self._url is not None and not answers(self._url):
            raise ConnectionError("the service does not answer any more")

    def _guard(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever the service does, the stage goes on
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._tell_once(f"W&B failed ({reason(error)}) and may miss something; the local log has everything", "failure")

    def _tell_once(self, text: str, about: str = "") -> None:
        if (about or text) not in self._told:
            self._tell(text)
        self._told.add(about or text)

    def _keep_for_later(self) -> None:
        self._guard(lambda: mark_unsent(Path(self._run.dir).parent))
        self._tell(
            "W&B did not take everything in time. What is missing is kept; to send it, run: gsv-pipeline track sync"
        )


def _is_training(row: Mapping[str, Any]) -> bool:
    return all(name.startswith(TRAINING) for name in row)


def _is_worth_it(row: Mapping[str, Any], step: int) -> bool:
    return step % LOG_EVERY_STEPS == 0 or not _is_training(row)


def _is_there(value: Any) -> bool:
    """A number always; a picture as long as its file is."""
    return not isinstance(value, str) or Path(value).is_file()


def _image(path: str) -> Any:
    import wandb

    return wandb.Image(path)


def _artifact(name: str, paths: Sequence[Path], kind: str, metadata: Mapping[str, Any] | None) -> Any:
    import wandb

    artifact = wandb.Artifact(name, type=kind, metadata=dict(metadata or {}))
    for path in paths:
        if path.is_dir():
            artifact.add_dir(str(path))
        else:
            artifact.add_file(str(path), name=path.name if len(paths) == 1 else "-".join(path.parts[-3:]))
    return artifact


def _within(seconds: float, call: Callable[[], object]) -> None:
    """Run `call`, and go on without it when it takes too long.

    Raises:
        TimeoutError: It is still at work; what it fails with, if it fails.
    """
    failed: list[Exception] = []

    def work() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed to the caller
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    for error in failed:
        raise error
