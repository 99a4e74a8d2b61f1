"""`python -m tests.perf.gpu`: a training step on a GPU, fed by real JPEGs against the same step on resident data.

Needs torch, torchvision, timm, lightning, pytorch-metric-learning, pandas, pyarrow, pydantic, pyyaml and pillow, but
neither Dagster nor FAISS. Prints a table, writes it as `$OUT/gpu.json` if OUT is set, and exits with 2 where there is
no GPU, with 1 where a goal is missed. `--device cpu --quick` only shows that it runs.
"""

import argparse
import gc
import itertools
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
import torchvision

from gsv_pipeline.hardware import choose_precision
from gsv_pipeline.training.step import TrainingStep
from tests.perf import gpu_work as work
from tests.perf.gpu_reader import open_reader
from tests.perf.gpu_work import Images, Size
from tests.perf.measure import machine

EPOCH_IMAGES: Final = 248_000
EPOCH_GOAL_S: Final = 100.0
FED_GOAL: Final = 0.90
MEMORY_PER_IMAGE: Final = {"resnet50": 344e6}
"""Bytes moved for an image of 320 px with fused batch norm, an estimate (PERFORMANCE 7c)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to run the step.

    Args:
        name: Of the way.
        images_per_s: Rate.
        epoch_s: Seconds for 248,000 images at that rate.
        memory_gb: Largest allocation on the device, GB; 0 on a CPU.
        arithmetic_share: Of what a large product reaches.
        memory_share: Of the rate that the estimated traffic allows; None where there is no estimate.
    """

    name: str
    images_per_s: float
    epoch_s: float
    memory_gb: float
    arithmetic_share: float
    memory_share: float | None


def main(arguments: list[str]) -> int:
    """Measure, print and write; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.gpu")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU: torch.cuda finds no device, so there is nothing to measure here.", file=sys.stderr)
        return 2
    size = work.QUICK if options.quick else Size()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.device, size, paths=work.write_jpegs(Path(folder), size.num_files))
        return report(bench, compiles=not options.no_compile)


class Bench:
    """Measures on one device.

    Args:
        device: "cuda" or "cpu".
        size: How much.
        paths: JPEGs.
    """

    def __init__(self, device: str, size: Size, *, paths: list[Path]) -> None:
        self.device = torch.device(device)
        self.size = size
        self.paths = paths
        self.reader_name = ""
        self.flops_per_s = work.arithmetic_rate(self.device, size)
        self.bytes_per_s = work.copy_rate(self.device, size)
        self.flops = work.flops_per_image(work.build_step(size, device), size)

    def measure(self, name: str, *, fed: bool, compiled: bool = False, micro_batch: int | None = None) -> Measured:
        """Run the step in one way.

        Args:
            name: Of the row.
            fed: By JPEGs from files; else the images are resident.
            compiled: By torch.compile.
            micro_batch: Images through the network at once.
        """
        self._forget()
        step = work.build_step(self.size, self.device.type, compiled=compiled, micro_batch=micro_batch)
        source = self._read() if fed else self._resident(step)
        rate = work.images_per_second(step, source, size=self.size)
        for message in step._tracker.said:  # type: ignore[attr-defined]
            print(f"{name}: {message}", file=sys.stderr)
        traffic = MEMORY_PER_IMAGE.get(self.size.backbone)
        return Measured(
            name=name,
            images_per_s=rate,
            epoch_s=EPOCH_IMAGES / rate,
            memory_gb=torch.cuda.max_memory_allocated() / 1e9 if self.device.type == "cuda" else 0.0,
            arithmetic_share=rate * self.flops / self.flops_per_s,
            memory_share=None if traffic is None else rate * traffic / self.bytes_per_s,
        )

    def waits(self) -> int:
        """How often the host waits for the device in one step, as CUDA itself notices it; 0 on a CPU."""
        if self.device.type == "cpu":
            return 0
        step = work.build_step(self.size, self.device.type)
        source = self._read()
        for number in range(2):
            step(*next(source), epoch=0, step=number)
        batch, images = next(source)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step(batch, images, epoch=0, step=2)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchronizing" in str(warning.message) for warning in caught)

    def loader_rate(self) -> float:
        """Images per second of the reader alone."""
        source = self._read()
        next(source)
        return self.size.batch * self.size.steps / _timed(itertools.islice(source, self.size.steps))

    def _read(self) -> "Iterator[tuple[work.PlaceBatch, Images]]":
        reader, self.reader_name = open_reader(self.paths, side=self.size.side)
        count = self.size.warm_up + self.size.steps + 1
        batches = list(itertools.islice(work.batches(self.size), count))
        return zip(batches, reader.batches([batch.rows for batch in batches]), strict=True)

    def _resident(self, step: TrainingStep) -> "Iterator[tuple[work.PlaceBatch, Images]]":
        images = work.make_resident(step, self.size)
        return ((batch, images) for batch in work.batches(self.size))

    def _forget(self) -> None:
        gc.collect()
        torch._dynamo.reset()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def report(bench: Bench, *, compiles: bool) -> int:
    """Print the table and write it; 1 where a goal is missed."""
    print(f"{describe(bench)}\n{'way':<34}{'img/s':>9}{'248k, s':>9}{'GB':>7}{'arithm.':>9}{'memory':>8}")
    rows: dict[str, Measured] = {}
    for compiled in (False, True) if compiles else (False,):
        mode = "compiled" if compiled else "eager"
        for fed in (False, True):
            row = bench.measure(f"{mode}, {'real JPEGs' if fed else 'resident'}", fed=fed, compiled=compiled)
            rows[f"{mode}_{'fed' if fed else 'resident'}"] = row
            show(row)
    quarter = bench.size.batch // 4
    rows["cached"] = bench.measure(f"eager, resident, {quarter} at once", fed=False, micro_batch=quarter)
    show(rows["cached"])
    summary = summarise(bench, rows)
    print("\n".join(f"{name:<44}{value}" for name, value in summary.items()))
    write(bench, rows, summary)
    return 0 if bench.size == work.QUICK or (summary["fed_holds"] and summary["epoch_holds"]) else 1


def summarise(bench: Bench, rows: dict[str, Measured]) -> dict[str, float | int | bool | str]:
    """The goals, for the quicker of the ways that were measured."""
    mode = max((name.split("_")[0] for name in rows if name.endswith("_fed")), key=lambda mode: _rate(rows, mode))
    fed, resident = rows[f"{mode}_fed"], rows[f"{mode}_resident"]
    ratio = fed.images_per_s / resident.images_per_s
    return {
        "best": mode,
        "fed_over_resident": round(ratio, 3),
        "fed_holds": ratio >= FED_GOAL,
        "epoch_s": round(fed.epoch_s, 1),
        "epoch_holds": fed.epoch_s <= EPOCH_GOAL_S,
        "reader": bench.reader_name,
        "reader_alone_images_per_s": round(bench.loader_rate(), 1),
        "host_waits_in_a_step": bench.waits(),
        "gflop_per_image": round(bench.flops / 1e9, 2),
        "device_tflop_per_s": round(bench.flops_per_s / 1e12, 1),
        "device_copy_tb_per_s": round(bench.bytes_per_s / 1e12, 3),
    }


def describe(bench: Bench) -> str:
    """Where this runs, in two lines."""
    name = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    size = bench.size
    file_bytes = sum(path.stat().st_size for path in bench.paths) / len(bench.paths)
    return (
        f"{name}, {machine()}, torch {torch.__version__}, torchvision {torchvision.__version__}\n"
        f"{size.backbone} + Conv-AP 1024x2x2 frozen to layer2, {size.places_per_batch} x {size.images_per_place} "
        f"images of {size.side} px, {choose_precision('auto', bench.device.type)}; files of {file_bytes / 1e3:.0f} kB"
    )


def show(row: Measured) -> None:
    """One line of the table."""
    share = "" if row.memory_share is None else f"{row.memory_share:.2f}"
    print(
        f"{row.name:<34}{row.images_per_s:>9.0f}{row.epoch_s:>9.1f}{row.memory_gb:>7.1f}"
        f"{row.arithmetic_share:>9.2f}{share:>8}",
        flush=True,
    )


def write(bench: Bench, rows: dict[str, Measured], summary: dict[str, float | int | bool | str]) -> None:
    """`$OUT/gpu.json`, if OUT is set."""
    if "OUT" not in os.environ:
        return
    found = {
        "machine": describe(bench),
        "python": platform.python_version(),
        "rows": {name: asdict(row) for name, row in rows.items()},
        "summary": summary,
    }
    path = Path(os.environ["OUT"]) / "gpu.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _rate(rows: dict[str, Measured], mode: str) -> float:
    return rows[f"{mode}_fed"].images_per_s


def _timed(source: Iterator[object]) -> float:
    started = time.perf_counter()
    for _ in source:
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
