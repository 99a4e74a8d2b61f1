"""Where an artifact came from: code commit, package versions, machine. Recorded, never part of a fingerprint."""

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import gsv_pipeline

PACKAGES: Final = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "pytorch-metric-learning",
    "faiss-cpu",
    "numpy",
    "pandas",
    "pyarrow",
    "pillow",
    "simplejpeg",
    "utm",
    "safetensors",
)
"""Distributions of which another version may give another number, or read another one out of a file."""

CHANGES: Final = "+changes"
"""How a commit ends whose checkout had changes."""

RUN_VARIABLE: Final = "GSV_DAGSTER_RUN"
"""Holds the id of the Dagster run for whose step this process works."""

_CPU_INFO: Final = Path("/proc/cpuinfo")


def provenance() -> dict[str, Any]:
    """Code version, package versions and machine, as plain values."""
    return {
        "gsv_pipeline": gsv_pipeline.__version__,
        "git": code_version(),
        "packages": dict(package_versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count() or 1,
        "device": device(),
        "dagster_run": os.environ.get(RUN_VARIABLE, ""),
    }


def device() -> str:
    """The GPU that this process has used so far, else the processor. Neither imports torch nor wakes a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return _processor()


@lru_cache(maxsize=1)
def _processor() -> str:
    """Its model as the kernel knows it, since `platform.processor` is empty on most Linux systems."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


@lru_cache(maxsize=1)
def code_version() -> str:
    """The commit of the checkout this runs from, with `+changes` when files differ; empty outside a checkout."""
    root = Path(gsv_pipeline.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}{CHANGES}" if commit and dirty else commit


@lru_cache(maxsize=1)
def package_versions() -> tuple[tuple[str, str], ...]:
    """Installed versions of the packages that can change a number."""
    found = []
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
