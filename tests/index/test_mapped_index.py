"""An index of any size is read without its vectors being copied into memory."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from gsv_pipeline.index.flat import build_flat, load_index, save_index, search

ROWS, SIZE = 16_384, 1_024  # 64 MB of vectors


def own_memory_mb() -> float:
    """What this process holds that no file backs."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


@pytest.mark.skipif(not hasattr(faiss, "IO_FLAG_MMAP_IFC"), reason="this FAISS cannot map an index (1.11 can)")
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the memory of a process is read from /proc")
def test_vectors_stay_on_disk_until_they_are_read_and_are_found_all_the_same(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(ROWS, SIZE)).astype(np.float32)
    save_index(build_flat(vectors), tmp_path / "index.faiss")
    before = own_memory_mb()

    index = load_index(tmp_path / "index.faiss")

    assert own_memory_mb() - before < 8
    assert search(index, vectors[[5, 16_000]], 1)[0].tolist() == [[5], [16_000]]
    assert own_memory_mb() - before < 16
