"""Several processes that train as one: started by torchrun, led by the first, ended together.

The first process does what a single one would: it holds the lock, writes the files and talks. The others wait for its
word, help it train, and end as it ends. torch is imported only where there are several.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from gsv_pipeline.errors import ConfigError
from gsv_pipeline.hardware import choose_device
from gsv_pipeline.production import StageResult
from gsv_pipeline.training.board import BEGIN, END, FAILURE, Board, as_word, from_word

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE: Final = timedelta(hours=2)
"""How long one process waits for another in the middle of training: a validation, a slow disk. A dead one is noticed
at once, by its closed connection or by torchrun."""

_FAILED: Final = 1 << 20
"""Larger than the number of every signal."""

T = TypeVar("T")
Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of the run; without arguments, one alone.

    Args:
        rank: Which one this is, the first is 0.
        size: How many there are.
        board: What they leave words for each other on; None for one alone.
    """

    rank: int = 0
    size: int = 1
    board: Board | None = None

    @property
    def is_first(self) -> bool:
        """Whether this one leads."""
        return self.rank == 0

    @property
    def local_size(self) -> int:
        """How many of them are on this machine."""
        return number_from("LOCAL_WORLD_SIZE", self.size) if self.size > 1 else 1

    @property
    def own_processors(self) -> int | None:
        """Processors for this process's threads; None: all, as it is alone."""
        return max(1, (os.cpu_count() or 1) // self.local_size) if self.size > 1 else None

    def begin(self) -> None:
        """In the first process: training begins, the others are to help from here on."""
        if self.board is not None:
            self.board.say(BEGIN, {})
            _connect(self, self.board)

    def lead(self, work: Callable[[], StageResult]) -> StageResult:
        """Do `work` in the first process, and tell the others how it ended.

        Raises:
            GsvError: What `work` raises, and what another process failed of.
        """
        if self.board is None:
            return work()
        try:
            result = work()
        except BaseException as error:
            cause = self.board.cause(error, FAILURE)
            self.board.say(END, {"error": as_word(cause)})
            self.board.wait_until_heard(self.size - 1)
            if cause is error:
                raise
            raise cause from error
        self.board.say(END, {"result": {**asdict(result), "artifact": str(result.artifact)}})
        self.board.wait_until_heard(self.size - 1)
        return result

    def follow(self, assist: Callable[[], object]) -> StageResult:
        """In the other processes: `assist` when the first one begins to train, then end as it ends.

        Returns:
            What the first process returned.

        Raises:
            GsvError: What the first process raised, and what this one failed of.
        """
        assert self.board is not None  # one alone is the first
        try:
            if self.board.wait(BEGIN, END) == BEGIN:
                _connect(self, self.board)
                assist()
            self.board.wait(END)
        except BaseException as error:
            cause = self.board.cause(error, FAILURE, END)
            self.board.say_failure(cause)
            self.board.hear()
            if cause is error:
                raise
            raise cause from error
        word = self.board.read(END)
        self.board.hear()
        if "error" in word:
            raise from_word(word["error"])
        return StageResult(**{**word["result"], "artifact": Path(word["result"]["artifact"])})

    @contextmanager
    def together(self) -> Iterator[None]:
        """What fails inside of this in one process fails in all of them. Each process has to come through it.

        Raises:
            GsvError: What another process raised.
        """
        if self.board is None:
            yield
            return
        try:
            yield
        except Exception as error:
            self.board.say_failure(error)
            self.agree(_FAILED)
            raise
        if self.agree(0) == _FAILED:
            raise from_word(self.board.read(FAILURE)["error"])

    def agree(self, number: int) -> int:
        """The largest `number` of all processes. On the CPU, so no device waits."""
        if self.size == 1:
            return number
        import torch
        from torch import distributed

        numbers = torch.tensor([number])
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
        return int(numbers)

    def from_first(self, value: T) -> T:
        """The first process's `value` in every process; plain values only."""
        if self.size == 1:
            return value
        import torch
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(values, src=0, device=torch.device("cpu"))
        return values[0]

    def same_tensors(self, tensors: Iterable["Tensor"]) -> None:
        """Overwrite tensors, on any device, with those of the first process."""
        if self.size > 1:
            from torch import distributed

            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def gather_rows(self, own: Float) -> Float:
        """All rows [N, D] in the first process, in the order of the processes; `own` [n, D] in the others.

        Args:
            own: [n, D]; n may be 0 in all but the first.
        """
        if self.size == 1:
            return own
        import torch
        from torch import distributed

        counts = torch.zeros(self.size, dtype=torch.int64)
        counts[self.rank] = len(own)
        distributed.all_reduce(counts)
        if not self.is_first:
            if len(own):
                distributed.send(torch.from_numpy(own), dst=0)
            return own
        rows = np.empty((int(counts.sum()), own.shape[1]), dtype=np.float32)
        ends = counts.cumsum(0).tolist()
        rows[: ends[0]] = own
        for source in range(1, self.size):
            if ends[source] > ends[source - 1]:
                distributed.recv(torch.from_numpy(rows[ends[source - 1] : ends[source]]), src=source)
        return rows


@contextmanager
def join_processes() -> Iterator[Processes]:
    """This process among those that torchrun started, or alone.

    Raises:
        ConfigError: The variables that torchrun sets hold something else than numbers.
    """
    size = number_from("WORLD_SIZE", 1)
    if size == 1:
        yield Processes()
        return
    from torch import distributed
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    rank = number_from("RANK", 0)
    store, _, _ = next(rendezvous("env://", rank, size, timeout=PATIENCE))
    # A process that trains twice finds no words of the first time.
    turn = store.add(f"gsv-joined-{rank}", 1)
    try:
        yield Processes(rank, size, Board(PrefixStore(f"gsv-{turn}", store), rank))
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def is_one_of_several() -> bool:
    """Whether torchrun started this process and others; False where its variables cannot be read."""
    try:
        return number_from("WORLD_SIZE", 1) > 1
    except ConfigError:
        return False  # said when training joins the others


def is_helper() -> bool:
    """Whether this process only helps another one that does the talking."""
    return is_one_of_several() and os.environ.get("RANK", "0") != "0"


def number_from(variable: str, default: int) -> int:
    """A number that torchrun leaves in the environment.

    Raises:
        ConfigError: It is none.
    """
    text = os.environ.get(variable, "")
    try:
        return int(text) if text else default
    except ValueError as error:
        raise ConfigError(
            f"{variable} is {text!r}, expected a whole number as torchrun sets it. Unset it, or start with torchrun."
        ) from error


def _connect(processes: Processes, board: Board) -> None:
    """Connect all processes with each other: over gloo, and over NCCL what lies on GPUs."""
    import torch
    from torch import distributed
    from torch.distributed.distributed_c10d import PrefixStore

    backend = "gloo"
    if choose_device() == "cuda":
        local, gpus = processes.local_size, torch.cuda.device_count()
        if local > gpus:
            raise ConfigError(
                f"{local} processes were started on a machine with {gpus} GPU(s). Start as many as there are GPUs "
                f"(torchrun --nproc-per-node {gpus}), or set CUDA_VISIBLE_DEVICES= to train on processors."
            )
        torch.cuda.set_device(number_from("LOCAL_RANK", 0))
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(
        backend,
        store=PrefixStore("group", board.store),
        rank=processes.rank,
        world_size=processes.size,
        timeout=PATIENCE,
    )
