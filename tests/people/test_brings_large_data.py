"""Data larger than memory: mapped, compared, encoded and evaluated in pieces that are bounded by bytes."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from features.conftest import TINY as NETWORK
from features.conftest import write_checkpoint
from PIL import Image
from tiny import tiny

from simsiam_core.config import DataConfig
from simsiam_core.data import Dataset, ImageSet, load, loading, placement
from simsiam_core.data.memory import mapped
from simsiam_core.data.placement import Placed
from simsiam_core.features import bank as banks
from simsiam_core.features import duplicates, raw_pixels
from simsiam_core.features.bank import load_bank
from simsiam_core.features.knn import knn_accuracy
from simsiam_core.features.raw_pixels import raw_pixel_accuracy, raw_pixel_features
from simsiam_core.runs import RunError, RunStore

GREY, SPREAD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def noise(count: int, side: int, classes: int = 4) -> ImageSet:
    images = torch.randint(
        0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(count)
    )
    labels = torch.arange(count) % classes
    images[:, 0] = (images[:, 0] // 2 + 30 * labels.byte()[:, None, None]).byte()
    return ImageSet(images, labels, tuple("abcd"[:classes]), tuple(str(i) for i in range(count)))


def test_maps_a_file_larger_than_memory_and_swap(tmp_path: Path) -> None:
    """Kind: the image cache was mapped privately, which takes as much memory as the file is long."""
    total = psutil.virtual_memory().total + psutil.swap_memory().total
    side = 1024
    count = total // (3 * side**2) + 1000
    path = tmp_path / "images.uint8"
    with path.open("wb") as file:
        file.truncate(count * 3 * side**2)  # a hole: it takes no room on the disk
        file.seek((count - 1) * 3 * side**2)
        file.write(b"\7")
    images = mapped(path, (count, 3, side, side))
    assert images.nbytes > total
    assert int(images[-1].max()) == 7
    assert images.index_select(0, torch.tensor([count - 1, 0]))[:, 0, 0, 0].tolist() == [7, 0]


def test_small_data_is_compared_as_it_always_was() -> None:
    """Kind: bounded memory must not change a figure that fitted."""
    train, test = noise(203, 12), noise(51, 12)
    bank, queries = (raw_pixel_features(part.images, GREY, SPREAD) for part in (train, test))
    assert train.labels is not None
    assert test.labels is not None
    found = raw_pixel_accuracy(train, test, GREY, SPREAD, 5, 0.1)
    assert found.accuracy == knn_accuracy(bank, train.labels, queries, test.labels, 5, 0.1)
    assert (found.whole, found.note, list(found.metrics)) == (True, "", ["val/knn_accuracy_raw_pixels"])


@pytest.mark.parametrize("chunk", [2**12, 2**26])
def test_pieces_give_the_same_pixels_to_the_bit(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: the same."""
    monkeypatch.setattr(raw_pixels, "CHUNK_BYTES", chunk)
    train = noise(97, 12)
    features, _ = raw_pixels._features(train, 12, 1.0, GREY, SPREAD, torch.device("cpu"))
    assert torch.equal(features, raw_pixel_features(train.images, GREY, SPREAD))


@pytest.mark.parametrize(
    ("budget", "side", "count", "note"),
    [
        (4 * 3 * 16**2 * 250, 16, 200, "at 16 px"),
        (4 * 3 * 8**2 * 250, 8, 200, "at 8 px"),
        (4 * 3 * 8**2 * 125, 8, 100, "at 8 px, on 100 of 200 images"),
    ],
)
def test_large_data_is_reduced_and_the_figure_says_so(
    budget: int, side: int, count: int, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: 90,000 images of 224 px were held as fp32 twice, 108 GB, and the run was killed before step 1."""
    monkeypatch.setattr(raw_pixels, "PIXEL_BYTES", budget)
    made: list[int] = []
    original = torch.empty

    def counted(*shape: int, **options: object) -> torch.Tensor:
        made.append(int(np.prod(shape)) * 4)
        return original(*shape, **options)

    monkeypatch.setattr(raw_pixels.torch, "empty", counted)
    found = raw_pixel_accuracy(noise(200, 40), noise(50, 40), GREY, SPREAD, 5, 0.1)
    assert sum(made[:2]) <= budget
    assert (found.side, found.images, found.note) == (side, count, note)
    assert found.metrics["val/raw_pixels_side"] == side
    assert found.accuracy > 0.6  # the classes differ in their mean, which no reduction takes away


def test_ninety_thousand_images_of_224_px_stay_within_two_gigabytes() -> None:
    """Kind: the same, by arithmetic."""
    side = next(s for s in (224, *raw_pixels.SIDES) if raw_pixels._bytes(99_000, s) <= raw_pixels.PIXEL_BYTES)
    assert side == 32
    for count, kept in ((60_000, 32), (13_000, 96)):  # CIFAR-10 and STL-10
        assert raw_pixels._bytes(count, kept) <= raw_pixels.PIXEL_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> DataConfig:
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(8):
            Image.effect_noise((20, 20), 10 + 9 * i).convert("RGB").save(
                tmp_path / "images" / name / f"{i}.png"
            )
    return DataConfig(source="folder", path=str(tmp_path / "images"), image_size=16)


def test_channel_statistics_are_read_once(folder: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: 20,000 images were read at every load, to learn the same six numbers."""
    first = load(folder)
    measured: list[int] = []
    original = loading.channel_statistics

    def counted(images: ImageSet) -> object:
        measured.append(len(images))
        return original(images)

    monkeypatch.setattr(loading, "channel_statistics", counted)
    again = load(folder)
    assert measured == []
    assert (again.mean, again.std) == (first.mean, first.std) == original(first.train)
    assert load(folder.model_copy(update={"train_limit": 6})).mean == original(first.train.limit(6))[0]
    assert measured == [6]


def test_check_data_compares_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: 4,096 full-size pairs at once took 6 to 8 GB."""
    assert duplicates._pairs_at_once(32) == 4096
    assert duplicates._pairs_at_once(224) * 3 * 224**2 * 18 <= 2**28
    assert duplicates._pairs_at_once(4096) == 1
    images = noise(24, 16)
    rows, others = torch.arange(24), torch.arange(24).flip(0)
    whole = duplicates._ranked(images, rows, images, others, torch.linspace(0, 1, 24))
    monkeypatch.setattr(duplicates, "BYTES_AT_ONCE", 5 * 3 * 16**2 * 18)
    assert duplicates._pairs_at_once(16) == 5
    pieces = duplicates._ranked(images, rows, images, others, torch.linspace(0, 1, 24))
    assert [pair[1:2] + pair[3:] for pair in pieces] == [pair[1:2] + pair[3:] for pair in whole]


@pytest.mark.parametrize("resident", [True, False])
def test_evaluations_serve_the_same_images_wherever_they_lie(
    resident: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: evaluations put all images on the GPU, whatever its size."""
    monkeypatch.setattr(placement, "fits", lambda size, device: resident)
    images, rows = noise(40, 8).images, torch.randperm(40)[:30]
    parts = torch.randperm(30).split(7)
    served = list(Placed(images, torch.device("cpu"), rows).batches(parts))
    assert all(torch.equal(batch, images[rows[part]]) for batch, part in zip(served, parts, strict=True))


def test_images_go_to_a_gpu_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: the same."""
    from simsiam_core.data.memory import fits

    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10_000, 80_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 4_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2_000)
    assert fits(5_999, gpu)
    assert not fits(6_000, gpu)
    assert fits(10**15, torch.device("cpu"))


@pytest.fixture
def encoded(tmp_path: Path) -> tuple[object, Dataset]:
    dataset = load(tiny().data)
    run = RunStore(tmp_path / "runs").create(tiny())
    write_checkpoint(run, "last", NETWORK, dataset.mean, dataset.std, seed=0)
    load_bank(run, run.checkpoint("last"), "train", dataset=dataset)
    return run, dataset


def test_a_bank_that_cannot_be_mapped_is_not_called_diverged(
    encoded: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: want of memory was told as a diverged network, and the bank was encoded again."""
    run, dataset = encoded

    def full(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(banks.np, "load", full)
    with pytest.raises(RunError, match=r"cannot be read: Cannot allocate memory") as told:
        load_bank(run, run.checkpoint("last"), "train", dataset=dataset)
    assert "diverged" not in str(told.value)


def test_a_bank_above_the_limit_of_addresses_says_so(tmp_path: Path) -> None:
    """Kind: the same, with a real limit: a bank of 8 GB, and 1 GB of addresses left."""
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(4_000_000, 512))  # a hole
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        with pytest.raises(RunError, match=r"\(8\.2 GB\) cannot be read: Cannot allocate memory"):
            banks._read(path, 4_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_curves_name_says_what_its_figure_was_measured_on(store: RunStore) -> None:
    """Kind: a figure without what it was measured on."""
    from simsiam_core.ui.live.curves import Curves
    from simsiam_core.ui.runs.charts import CHARTS, Drawn, chart
    from simsiam_core.ui.runs.view import ChartView

    run = store.create(tiny())
    line = {"step": 0, "epoch": 0, "time": 1.0, "val/knn_accuracy": 0.5, "val/knn_bits": 16}
    pixels = {"val/knn_accuracy_raw_pixels": 0.3, "val/raw_pixels_side": 32, "val/raw_pixels_images": 20000}
    run.metrics_path.write_text(json.dumps({**line, **pixels}) + "\n")
    curves = Curves(run)
    curves.poll()
    spec = next(spec for spec in CHARTS if spec.key == "knn")
    value = chart(spec, [Drawn(run, run.status(), curves, "#000000")], ChartView())
    names = json.dumps(value)
    assert "encoded in 16 bits" in names
    assert "dotted, at 32 px, on 20,000 images" in names


def test_a_split_of_other_images_keeps_its_ids() -> None:
    """Kind: images that were moved to a device are still the same set."""
    part = noise(12, 8)
    assert replace(part, images=part.images.clone()).ids == part.ids
