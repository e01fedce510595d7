"""A folder of images: layouts, what is skipped, and the cache."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from PIL import Image

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import cache as cache_module
from simsiam_core.data import count_train, load, read_image
from simsiam_core.data.cache import Contents, stored


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(root: Path, names: Iterable[str]) -> Path:
    """Images of one grey each, 10, 11, 12… in the order given, losslessly kept."""
    for grey, name in enumerate(names, start=10):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (grey,) * 3).save(root / name)
    return root


def config(root: Path, **settings: Any) -> DataConfig:
    return DataConfig(source="folder", path=str(root), image_size=8, **settings)


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_train_and_test_folders(tmp_path: Path, test_name: str) -> None:
    names = ["train/dog/b.png", "train/cat/a.png", f"{test_name}/cat/c.png", f"{test_name}/emu/deep/d.png"]
    dataset = load(config(fill(tmp_path / "p", names)))
    assert dataset.train.classes == ("cat", "dog", "emu")
    assert dataset.train.ids == ("train/cat/a.png", "train/dog/b.png")
    assert dataset.train.labels is not None and dataset.train.labels.tolist() == [0, 1]
    assert dataset.test and dataset.test.labels is not None and dataset.test.labels.tolist() == [0, 2]
    assert dataset.test.ids == (f"{test_name}/cat/c.png", f"{test_name}/emu/deep/d.png")
    assert dataset.train.image("train/dog/b.png").unique().tolist() == [10]
    assert dataset.skipped == ()


def test_classes_without_a_test_split_give_up_a_tenth(tmp_path: Path) -> None:
    names = [f"{kind}/{i:03}.png" for kind, count in (("a", 60), ("b", 40)) for i in range(count)]
    root = fill(tmp_path / "p", names)
    dataset, again = load(config(root)), load(config(root))
    assert dataset.test and dataset.test.labels is not None
    assert torch.bincount(dataset.test.labels).tolist() == [6, 4]
    assert sorted(dataset.train.ids + dataset.test.ids) == sorted(names)
    assert dataset.test.ids == again.test.ids  # type: ignore[union-attr]
    assert count_train(config(root)) == len(dataset.train) == 90
    assert dataset.test.images[0].unique().tolist() == [10 + names.index(dataset.test.ids[0])]


@pytest.mark.parametrize(
    "names", [["b.png", "a.png"], ["train/b.png", "train/a.png"], ["mine/b.png", "mine/a.png"]]
)
def test_images_without_classes_have_no_labels(tmp_path: Path, names: list[str]) -> None:
    dataset = load(config(fill(tmp_path / "p", names)))
    assert dataset.train.labels is None and dataset.train.classes == () and dataset.test is None
    assert dataset.train.ids == tuple(sorted(names))


def test_limits(tmp_path: Path) -> None:
    root = fill(
        tmp_path / "p", [f"{k}/{s}/{i}.png" for k in ("train", "test") for s in "ab" for i in range(10)]
    )
    dataset = load(config(root, train_limit=6, test_limit=4))
    assert dataset.train.labels is not None and torch.bincount(dataset.train.labels).tolist() == [3, 3]
    assert dataset.test and len(dataset.test) == 4
    flat = load(config(fill(tmp_path / "flat", [f"{i}.png" for i in range(9)]), train_limit=5))
    assert len(flat.train) == 5


def test_unreadable_and_misplaced_images_are_named(tmp_path: Path) -> None:
    root = fill(tmp_path / "p", ["train/a/1.png", "train/b/2.png", "test/a/3.png", "train/loose.png"])
    (root / "train/a/0.jpg").write_text("no image")
    (root / "train/b/cut.png").write_bytes((root / "train/b/2.png").read_bytes()[:50])
    (root / "train/a/notes.txt").write_text("not expected to be an image")
    (root / "train/a/.hidden.png").write_text("nor is this")
    for _ in range(2):  # decoded, then from the cache
        dataset = load(config(root))
        assert dataset.train.ids == ("train/a/1.png", "train/b/2.png")
        assert dataset.train.image("train/b/2.png").unique().tolist() == [11]
        assert {one.path: one.reason.split(" (")[0] for one in dataset.skipped} == {
            "train/a/.hidden.png": "a hidden file",
            "train/a/notes.txt": "not an image",
            "train/loose.png": "beside the class folders, so without a class",
            "train/a/0.jpg": "this is not an image in a known format",
            "train/b/cut.png": "the image is damaged or incomplete",
        }


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    root = fill(tmp_path / "p", ["a.png"])
    fill(tmp_path / "elsewhere", ["secret.png"])
    (root / "link.png").symlink_to(tmp_path / "elsewhere/secret.png")
    (root / "links").symlink_to(tmp_path / "elsewhere")
    (root / "inside.png").symlink_to(root / "a.png")
    (root / "round").symlink_to(root)
    dataset = load(config(root))
    assert dataset.train.ids == ("a.png", "inside.png")
    assert {one.path: one.reason for one in dataset.skipped} == {
        "link.png": "a link that leads out of the folder; it is not followed",
        "links": "a link to a folder; it is not followed",
        "round": "a link to a folder; it is not followed",
    }


def test_none_readable(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/x.jpg").write_text("?")
    with pytest.raises(
        ConfigError, match=r"None of the 1 training images in .* The first is x\.jpg: "
    ) as caught:
        load(config(tmp_path / "p"))
    assert caught.value.problems[0].path == "data.path"
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing", "There is no folder"), ("file", "is a file"), ("empty", "holds no images")],
)
def test_a_folder_that_is_none(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for function in (load, count_train):
        with pytest.raises(ConfigError, match=sentence) as caught:
            function(config(tmp_path / name))
        assert caught.value.problems[0].path == "data.path"


def test_decoded_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, decoded = fill(tmp_path / "p", [f"{i}.png" for i in range(5)]), list[str]()

    def counted(path: Path, size: int) -> torch.Tensor:
        decoded.append(path.name)
        return read_image(path, size)

    monkeypatch.setattr("simsiam_core.data.listing.read_image", counted)
    first = load(config(root))
    assert sorted(decoded) == [f"{i}.png" for i in range(5)]
    again = load(config(root))
    assert len(decoded) == 5 and again.fingerprint == first.fingerprint
    assert torch.equal(first.train.images, again.train.images) and first.train.ids == again.train.ids
    os.utime(root / "3.png", ns=(1, 1))
    assert load(config(root)).fingerprint != first.fingerprint
    assert len(decoded) == 10
    load(DataConfig(source="folder", path=str(root), image_size=16))
    assert len(decoded) == 15


def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path) -> None:
    root = fill(tmp_path / "p", ["a.png", "b.png"])
    load(config(root))
    (pixels,) = cache.rglob("images.uint8")
    pixels.write_bytes(b"short")
    assert load(config(root)).train.image("b.png").unique().tolist() == [11]


def test_writing_to_the_images_leaves_the_cache_alone(tmp_path: Path) -> None:
    root = fill(tmp_path / "p", ["a.png", "b.png"])
    load(config(root)).train.images.fill_(0)
    assert load(config(root)).train.image("a.png").unique().tolist() == [10]


def test_two_may_decode_at_once(cache: Path) -> None:
    both_writing, results = threading.Barrier(2, timeout=20), list[Any]()

    def write(pixels: BinaryIO) -> Contents:
        both_writing.wait()
        pixels.write(bytes(range(12)) * 2)
        return Contents(["a", "b"], None, [], 2, [])

    threads = [threading.Thread(target=lambda: results.append(stored("name", 2, write))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [splits.train.image("b").flatten().tolist() for splits in results] == [list(range(12))] * 2
    assert [path.name for path in (cache / "decoded").iterdir()] == ["name"]


def test_what_a_killed_process_left_is_cleared_after_a_day(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = cache / "decoded" / "partial-abc"
    (left / "ready").mkdir(parents=True)
    load(config(fill(tmp_path / "p", ["a.png"])))
    assert left.exists()  # it may belong to a living process
    monkeypatch.setattr(cache_module, "_ABANDONED_AFTER", -1)
    load(config(fill(tmp_path / "q", ["a.png"])))
    assert not left.exists()


def test_decoding_reports_progress(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    load(config(fill(tmp_path / "p", ["a.png"])), lambda fraction, text: seen.append((fraction, text)))
    assert seen[0] == (0.0, "Decoding images: 0 of 1") and seen[-1][0] == 1
