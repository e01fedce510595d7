"""What is thrown out of the cache, and what is not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch

from simsiam_core.data.cache import Contents, stored
from simsiam_core.data.folder import describe_folder
from simsiam_core.data.pruning import DAY, JUST_USED, Rule, prune


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path))
    return tmp_path


def entry(folder: Path, name: str, *, age: float, size: int = 10) -> Path:
    """A folder in the cache that was last used `age` seconds ago."""
    path = folder / name
    (path / "inside").mkdir(parents=True)
    (path / "inside" / "file").write_bytes(bytes(size))
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def test_what_was_not_used_for_long_goes_and_nothing_beside_it(kept: Path) -> None:
    old = entry(kept / "decoded", "old", age=31 * DAY)
    new = entry(kept / "decoded", "new", age=29 * DAY)
    uploaded = entry(kept / "uploads", "yesterday", age=1.1 * DAY)
    fresh = entry(kept / "uploads", "today", age=0.9 * DAY)
    download = entry(kept / "downloads", "cifar", age=999 * DAY)
    outside = entry(kept.parent / "outside", "precious", age=999 * DAY)
    (kept / "own").mkdir()
    (kept / "own" / "link").symlink_to(outside)
    assert set(prune()) == {old, uploaded}
    assert not old.exists()
    assert not uploaded.exists()
    assert all(path.exists() for path in (new, fresh, download, outside))


def test_a_cache_that_is_too_large_loses_what_was_used_longest_ago(kept: Path) -> None:
    places = [entry(kept / "decoded", str(hours), age=hours * 3600, size=4000) for hours in (9, 0.5, 5, 2)]
    gone = prune((Rule("decoded", days=30, max_bytes=9000 + 3 * 4096),))
    assert [path.name for path in sorted(gone)] == ["5", "9"]
    assert {path.name for path in places if path.exists()} == {"0.5", "2"}
    assert prune((Rule("decoded", days=30, max_bytes=0),)) == [places[3]], "just used: stays in any case"
    assert JUST_USED > 0.5 * 3600


def test_reading_images_keeps_them(kept: Path) -> None:
    def write(pixels: object) -> Contents:
        pixels.write(bytes(2 * 3 * 4 * 4))
        return Contents(["a", "b"], None, [], 2, [])

    stored("set", 4, write)
    folder = kept / "decoded" / "set"
    os.utime(folder, (0, 0))
    assert torch.equal(stored("set", 4, write).train.images, torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    assert prune() == []
    os.utime(folder, (0, 0))
    assert prune() == [folder]


def test_an_unpacked_zip_that_is_still_read_stays(kept: Path) -> None:
    """Kind: the images of a run were removed 30 days after they came, however often they were used."""
    folder = entry(kept / "own", "photos", age=29 * DAY)
    for name in ("a/1.png", "b/2.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    os.utime(folder, (time.time() - 40 * DAY,) * 2)
    describe_folder(str(folder))
    assert prune() == []
    os.utime(folder, (time.time() - 40 * DAY,) * 2)
    assert prune() == [folder]
