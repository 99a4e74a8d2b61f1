"""Where an artifact came from: code commit, package versions, machine. Recorded, never part of a fingerprint."""

import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import gsv_pipeline

PACKAGES: Final = (
    "torch",
    "torchvision",
    "lightning",
    "pytorch-metric-learning",
    "faiss-cpu",
    "numpy",
    "pandas",
    "pillow",
)


def provenance() -> dict[str, Any]:
    """Code version, package versions and machine, as plain values."""
    return {
        "gsv_pipeline": gsv_pipeline.__version__,
        "git": code_version(),
        "packages": dict(package_versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count() or 1,
    }


@lru_cache(maxsize=1)
def code_version() -> str:
    """The commit of the checkout this runs from, with `+changes` when files differ; empty outside a checkout."""
    root = Path(gsv_pipeline.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and dirty else commit


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
