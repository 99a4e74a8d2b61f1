"""Images through a model: in order, in eval mode, in the precision that was chosen."""

import os
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.fx
from torch import nn

from gsv_pipeline.embeddings import describer
from gsv_pipeline.embeddings import extract as extract_module
from gsv_pipeline.embeddings.batches import choose_batch_size
from gsv_pipeline.embeddings.extract import describe, extract, prepare
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.shards import Shard
from gsv_pipeline.embeddings.work import Extraction
from gsv_pipeline.errors import DataError, RunError
from gsv_pipeline.images import ImageReader
from gsv_pipeline.tracking import NullTracker
from tests.published import save_photo


class Small(nn.Module):
    """A convolution, a batch norm and unit rows; it notes the type its features have."""

    dtypes: ClassVar = set()  # of the class, since it is a copy that describes

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.dtypes.clear()

    def forward(self, images):
        features = self.convolution(images)
        if not isinstance(features, torch.fx.Proxy):  # folding traces the model once
            self.dtypes.add(features.dtype)
        return nn.functional.normalize(self.norm(features).float().mean(dim=(2, 3)), dim=1)


@pytest.fixture
def reader(tmp_path):
    return ImageReader([save_photo(tmp_path / f"{n}.jpg", n) for n in range(7)], height=12, width=16)


@pytest.fixture
def model():
    return Small()


def run(model, reader, precision="32-true", **options):
    return describe(model, reader, tracker=NullTracker(), description="Describing", precision=precision, **options)


def test_descriptors_come_in_the_order_of_the_images_whatever_the_batch(model, reader):
    whole = run(model, reader)
    assert whole.shape == (7, 6)
    assert whole.dtype == np.float32
    for size in (1, 3, 7):
        assert run(model, reader, batch_size=size) == pytest.approx(whole, abs=1e-6)


def test_a_model_in_training_is_put_back_and_its_statistics_do_not_move(model, reader):
    model.train()
    before = model.norm.running_mean.clone()
    run(model, reader)
    assert model.training
    assert torch.equal(model.norm.running_mean, before)
    model.eval()
    run(model, reader)
    assert not model.training


def test_a_model_is_put_back_when_an_image_is_damaged(model, reader):
    reader.paths[4].write_bytes(b"")
    model.train()
    with pytest.raises(DataError, match=r"4\.jpg is empty"):
        run(model, reader, batch_size=2)
    assert model.training


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)],
)
def test_the_precision_that_was_chosen_is_used_and_descriptors_stay_float32(
    model, reader, monkeypatch, precision, dtype
):
    monkeypatch.setattr(describer, "choose_precision", lambda asked, device: asked)
    full = run(Small(), reader)
    model.dtypes.clear()
    found = run(model, reader, precision)
    assert model.dtypes == {dtype}
    assert found.dtype == np.float32
    assert found == pytest.approx(full, abs=0.02)


def test_the_bar_counts_every_image(model, reader):
    counted = []

    class Counting(NullTracker):
        def progress(self, description, total, unit="image"):
            counted.append(total)
            return super().progress(description, total, unit)

    describe(model, reader, tracker=Counting(), description="Describing", precision="32-true", batch_size=3)
    assert counted == [7]


def test_a_prepared_model_is_on_the_best_device_in_channels_last(model, monkeypatch):
    monkeypatch.setattr(extract_module, "choose_device", lambda: "cpu")
    prepared = prepare(model)
    assert prepared.convolution.weight.is_contiguous(memory_format=torch.channels_last)


def options(**given):
    return ExtractionOptions(**given)


def extraction(folder, reader, *, batch_size=2):
    return Extraction(folder, "database", rows=len(reader), batch_size=batch_size, shard=Shard())


def test_the_file_holds_what_memory_would(model, reader, tmp_path):
    work = extraction(tmp_path / "work", reader)
    extract(lambda: model, reader, work, options=options(), tracker=NullTracker(), description="Describing")
    assert np.array_equal(np.load(work.path), run(model, reader, batch_size=2))
    assert work.done_rows == 7


def test_a_model_is_not_loaded_where_nothing_is_left(model, reader, tmp_path):
    for load in (lambda: model, lambda: pytest.fail("it was loaded again")):
        work = extraction(tmp_path / "work", reader)
        extract(load, reader, work, options=options(), tracker=NullTracker(), description="Describing")


def test_a_broken_image_is_named_and_what_is_described_is_kept(model, reader, tmp_path):
    sound = run(model, reader, batch_size=2)
    kept = reader.paths[4].read_bytes()
    reader.paths[4].write_bytes(b"")
    arguments = {"options": options(), "tracker": NullTracker(), "description": "Describing"}
    with pytest.raises(DataError, match=r"4\.jpg is empty .*4 of 7 images are described and kept"):
        extract(lambda: model, reader, extraction(tmp_path / "work", reader), **arguments)
    reader.paths[4].write_bytes(kept)
    work = extraction(tmp_path / "work", reader)
    assert [batch.start for batch in work.pending()] == [4, 6]
    extract(lambda: model, reader, work, **arguments)
    assert np.array_equal(np.load(work.path), sound)


def test_broken_images_that_may_be_left_out_are_zero_named_and_change_no_other(model, reader, tmp_path):
    sound = run(model, reader, batch_size=2)
    reader.paths[4].write_bytes(b"")
    reader.paths[5].unlink()
    reader.paths[6].write_bytes(reader.paths[6].read_bytes()[:300])
    work = extraction(tmp_path / "work", reader)
    allowed = {"options": options(skip_broken=True), "tracker": NullTracker(), "description": "Describing"}
    extract(lambda: model, reader, work, **allowed)
    found = np.load(work.path)
    assert sorted(work.broken) == [4, 5, 6]
    assert "4.jpg is empty" in work.broken[4]
    assert "5.jpg" in work.broken[5]
    assert not found[4:].any()
    assert np.array_equal(found[:4], sound[:4])
    with pytest.raises(DataError, match=r"3 of 7 images have no descriptor.*4\.jpg.*4 of 7 images are described"):
        extract(lambda: model, reader, extraction(tmp_path / "work", reader), **{**allowed, "options": options()})


class Spoilt(Small):
    """Describes the third image by numbers that are none, or by nothing."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        found = super().forward(images)
        found[min(2, len(found) - 1)] = self.value
        return found


@pytest.mark.parametrize(("value", "words"), [(float("nan"), "not finite"), (0.0, "zero in every place")])
def test_descriptors_that_say_nothing_name_their_images(reader, tmp_path, value, words):
    with pytest.raises(RunError, match=rf"Describing: 1 of 7 descriptors of a batch are {words}: .*2\.jpg\. The check"):
        run(Spoilt(value), reader, batch_size=7)
    work = extraction(tmp_path / "work", reader, batch_size=7)
    with pytest.raises(RunError, match=rf"{words}: .*2\.jpg"):
        extract(lambda: Spoilt(value), reader, work, options=options(), tracker=NullTracker(), description="Describing")


@pytest.mark.parametrize(("threads", "size"), [(1, 8), (2, 16), (64, 64)])
def test_a_processor_gets_a_few_images_a_thread(monkeypatch, threads, size):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert choose_batch_size("cpu", height=320, width=320) == size


@pytest.mark.parametrize(("gigabytes", "size"), [(0.5, 8), (8, 64), (24, 256), (80, 512)])
def test_a_gpu_gets_a_power_of_two_that_its_memory_holds(monkeypatch, gigabytes, size):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(gigabytes * 2**30), 0))
    assert choose_batch_size("cuda", height=320, width=320) == size


MEMORY = """
import sys
from pathlib import Path
import numpy as np, torch
from torch import nn
from gsv_pipeline.embeddings.extract import extract
from gsv_pipeline.embeddings.options import ExtractionOptions
from gsv_pipeline.embeddings.shards import Shard
from gsv_pipeline.embeddings.work import Extraction
from gsv_pipeline.tracking import NullTracker

class Reader:
    shape, paths = (4, 4, 3), range(10_000)
    def __len__(self): return len(self.paths)
    def batches(self, rows):
        for row in rows: yield np.full((len(row), 4, 4, 3), row.start % 251, np.uint8)

class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4096))
    def forward(self, images):
        return nn.functional.normalize(images.mean(dim=(1, 2, 3))[:, None] * self.weight, dim=1)

def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1024

work = Extraction(Path(sys.argv[1]), "database", rows=10_000, batch_size=64, shard=Shard())
before = status("VmRSS")
extract(Wide, Reader(), work, options=ExtractionOptions(), tracker=NullTracker(), description="")
print(status("VmHWM") - before, work.path.stat().st_size / 2**20, work.done_rows)
"""


@pytest.mark.slow
def test_memory_stays_flat_however_many_images_there_are(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "work")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    grown, written, rows = map(float, done.stdout.split())
    assert rows == 10_000
    assert written > 150
    assert grown < 60
