"""`python -m tests.perf.gpu` on a machine without a GPU, and what it needs to be installed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
ABSENT = ("dagster", "faiss", "simplejpeg", "wandb", "dvc", "utm", "kagglehub")


def test_it_reads_and_describes_where_only_what_it_names_is_installed(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
from pathlib import Path
import numpy as np
from tests.perf import gpu
from tests.perf.gpu_reader import open_reader
paths = gpu.work.write_jpegs(Path(sys.argv[1]), 5)
reader, name = open_reader(paths, side=64)
rows = [np.array([0, 1]), np.array([3, 4]), np.array([2]), np.array([1])]
found = [images.copy() for images in reader.batches(rows)]
print(name, [images.shape for images in found], np.array_equal(found[0][1], found[3][0]))
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("torchvision in threads")
    assert found.stdout.strip().endswith("[(2, 64, 64, 3), (2, 64, 64, 3), (1, 64, 64, 3), (1, 64, 64, 3)] True")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.perf import gpu

    assert gpu.main([]) == 2
    assert capsys.readouterr().err.startswith("no GPU")
