"""Training images kept larger than the network's, to cut crops from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from simsiam_core.config import Config, ConfigError, merge, parse
from simsiam_core.data import Dataset, check_fit, larger, load
from simsiam_core.data.larger import in_memory, size_for_crops, with_larger
from simsiam_core.training.batches import Batches
from simsiam_core.training.objective import Objective

SIZES = {"a/wide.png": (40, 100), "a/tall.jpg": (90, 50), "b/small.png": (12, 20), "b/turned.jpg": (60, 80)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of noise in `SIZES` (height, width), of which one lies on its side in its file."""
    generator = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        path = tmp_path / "p/train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        if "turned" in name:
            height, width, exif[0x0112] = width, height, 6
        pixels = generator.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(path, exif=exif)
    return tmp_path / "p"


def config(folder: Path, **changes: Any) -> Config:
    data = {"source": "folder", "path": str(folder), "image_size": 16}
    return parse(merge({"data": data, "training": {"batch_size": 2}}, changes))


def kept(chosen: Config, **options: Any) -> Dataset:
    return with_larger(chosen, load(chosen.data), **options)


def test_shapes_are_kept_and_no_image_grows(folder: Path) -> None:
    chosen, said = config(folder, data={"stored_size": 32}), list[str]()
    dataset = kept(chosen, say=said.append)
    assert dataset.larger is not None
    shapes = list(zip(dataset.larger.heights.tolist(), dataset.larger.widths.tolist(), strict=True))
    assert dict(zip(dataset.train.ids, shapes, strict=True)) == {
        "train/a/tall.jpg": (58, 32),
        "train/a/wide.png": (32, 80),
        "train/b/small.png": (12, 20),
        "train/b/turned.jpg": (32, 43),
    }
    assert len(said) == 1 and "4 at 32 px take 0.00 GB" in said[0] and "less than a minute" in said[0]
    own = torch.from_numpy(np.array(Image.open(folder / "train/b/small.png"))).permute(2, 0, 1)
    small = dataset.larger.select(torch.tensor([dataset.train.index_of("train/b/small.png")]))
    start = int(small.offsets[0])
    assert torch.equal(small.pixels[start : start + own.numel()].view_as(own), own)
    again = kept(chosen, say=said.append)
    assert again.larger is not None and torch.equal(again.larger.pixels, dataset.larger.pixels)
    assert len(said) == 1
    some = in_memory(chosen, dataset, torch.tensor([3, 0]))
    assert some is not None and some.heights.tolist() == [32, 58]
    assert torch.equal(some.pixels[: 3 * 32 * 43], dataset.larger.pixels[-3 * 32 * 43 :])


def test_the_automatic_size_is_what_the_smallest_crop_needs(folder: Path) -> None:
    assert size_for_crops(config(folder, data={"image_size": 96})) == 216
    assert size_for_crops(config(folder, augmentation={"crop_scale_min": 0.05})) == 72
    assert size_for_crops(config(folder, augmentation={"crop_scale_min": 1e-6})) == 2048
    dataset = kept(config(folder))  # 40 px
    assert dataset.larger is not None and dataset.larger.heights.tolist() == [72, 40, 12, 40]
    limited = kept(config(folder, data={"train_limit": 2}))
    assert limited.larger is not None and len(limited.larger) == len(limited.train) == 2


def test_an_automatic_size_is_lowered_where_it_would_fill_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(larger, "AUTOMATIC_BYTES", 20_000)
    lowered, chosen = kept(config(folder)).larger, kept(config(folder, data={"stored_size": 40})).larger
    assert lowered is not None and lowered.heights.tolist() == [58, 32, 12, 32] and lowered.nbytes < 20_000
    assert chosen is not None and chosen.heights.tolist() == [72, 40, 12, 40]


@pytest.mark.parametrize(
    "changes",
    [{"stored_size": 16}, {"image_size": 128}, {"source": "textures", "path": None, "train_limit": 8}],
)
def test_where_no_larger_images_are_needed_nothing_changes(folder: Path, changes: Any) -> None:
    chosen = config(folder, data=changes)
    dataset = kept(chosen, say=lambda sentence: pytest.fail(sentence))
    assert dataset.larger is None and in_memory(chosen, dataset, torch.arange(2)) is None
    batches = Batches(dataset.train, 2, 0, larger=dataset.larger)
    assert isinstance(batches.batch(0, 0), torch.Tensor)
    assert kept(chosen).larger is None  # once more, when that is known


def test_too_large_for_the_disk_is_said_before_anything_is_written(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    before = load(config(folder).data) and sorted(cache.rglob("*"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(12_000))
    with pytest.raises(
        ConfigError, match=r"At 40 px 4 images need 0.0 GB in .* choose a smaller Stored size"
    ) as e:
        kept(config(folder))
    assert [problem.path for problem in e.value.problems] == ["data.stored_size"]
    assert sorted(cache.rglob("*")) == before


def test_a_file_that_changes_meanwhile_leaves_nothing(folder: Path, cache: Path) -> None:
    dataset = load(config(folder).data)
    (folder / "train/a/wide.png").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"train/a/wide\.png has changed since it was decoded: This is not"):
        with_larger(config(folder), dataset)
    assert not list(cache.rglob("larger-*")) and not list(cache.rglob("partial-*"))


def test_a_damaged_file_of_larger_images_is_made_again(folder: Path, cache: Path) -> None:
    first = kept(config(folder)).larger
    (path,) = cache.rglob(larger.PIXELS)
    path.write_bytes(b"short")
    again = kept(config(folder)).larger
    assert first is not None and again is not None and torch.equal(first.offsets, again.offsets)


def test_batches_are_the_same_whether_gathered_ahead_or_not(folder: Path) -> None:
    chosen = config(folder, objective={"rotation_weight": 0.4, "rotation_crop": 8})
    dataset = kept(chosen)
    objective = Objective(chosen, dataset.mean, dataset.std)
    views = []
    for resident in (True, False):
        batches = Batches(dataset.train, 2, 0, larger=dataset.larger)
        batches.to(torch.device("cpu"), resident)
        views.append(
            [objective.views(batches.batch(0, i), torch.Generator().manual_seed(i)) for i in range(2)]
        )
    for one, other in zip(*views, strict=True):
        assert one.views[0].shape == (2, 3, 16, 16)
        assert all(torch.equal(a, b) for a, b in zip(one.views, other.views, strict=True))
        assert one.crops is not None and other.crops is not None and torch.equal(one.crops, other.crops)


def test_a_single_image_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Image.new("RGB", (20, 30)).save(tmp_path / "one/only.png")
    with pytest.raises(ConfigError, match="There is only one training image; a batch needs two or more"):
        check_fit(config(tmp_path / "one"))


def test_a_stored_size_below_the_image_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="Stored size is 24 px; it must be at least Image size, 32 px"):
        parse({"data": {"stored_size": 24}})


def test_runs_of_earlier_versions_keep_their_squares() -> None:
    assert parse({"data": {"image_size": 64}}, stored=True).data.stored_size == 64
    assert parse({"data": {"image_size": 64, "stored_size": None}}, stored=True).data.stored_size is None
