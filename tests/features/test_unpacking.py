from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, cache_dir
from simsiam_core.features import inspection, unpacking
from simsiam_core.features.folder_split import folder_split
from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.features.unpacking import unpack
from simsiam_core.runs import RunDirectory


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(buffer, "png")
    return buffer.getvalue()


def archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def test_a_zip_becomes_a_bank_that_is_searched(run: RunDirectory, dataset: Dataset, tmp_path: Path) -> None:
    files = {"mine/red.png": png("red"), "mine/blue.png": png("blue"), "notes.txt": b"no image"}
    unpacked = unpack(archive(tmp_path / "a.zip", **files))
    folder = unpacked.folder
    assert sorted(p.name for p in Path(folder).rglob("*") if p.suffix == ".png") == ["blue.png", "red.png"]
    assert str(unpacked) == "2 images unpacked; 1 file left out: notes.txt (it is no image of a known kind)."
    assert unpack(tmp_path / "a.zip") == unpacked, "found again"
    split = folder_split(folder)
    assert not inspection.is_encoded(run.path, "last", split)
    assert inspection.prepare(run.path, "last", split) == 2
    assert inspection.is_encoded(run.path, "last", split)
    answer = neighbours(run.path, "last", Question(split, png("red"), 2, 0.1))
    assert answer.neighbours[0].id == "mine/red.png"
    assert answer.neighbours[0].similarity == pytest.approx(1, abs=1e-4)
    assert answer.votes == ()
    by_id = neighbours(run.path, "last", Question(split, "mine/red.png", 2, 0.1))
    assert [n.id for n in by_id.neighbours] == ["mine/blue.png"]
    (shown,) = inspection.image_records(run.path, split, ("mine/blue.png", "unknown"))
    assert shown.id == "mine/blue.png"


def link(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as opened:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: archive(p, **{"../out.png": png("red")}), "points outside"),
        (lambda p: archive(p, **{"/out.png": png("red")}), "points outside"),
        (link, "links are not followed"),
        (lambda p: archive(p, **{"readme.txt": b"x"}), "no images"),
        (lambda p: p.write_bytes(b"PK nonsense"), "damaged or incomplete, or no zip"),
        (lambda p: archive(p, **{"a.png": bytes(3000)}), "larger than"),
        (lambda p: archive(p, **{f"{i}.png": bytes(1500) for i in range(4)}), "more than"),
        (lambda p: archive(p, **{f"{i}.png": b"" for i in range(9)}), "at most 8"),
    ],
)
def test_a_zip_that_could_harm_is_refused_and_leaves_nothing(
    make: Callable[[Path], object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILE_BYTES", 2000)
    monkeypatch.setattr(unpacking, "MAX_BYTES", 5000)
    monkeypatch.setattr(unpacking, "MAX_FILES", 8)
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    make(tmp_path / "bad.zip")
    with pytest.raises(ConfigError, match=sentence):
        unpack(tmp_path / "bad.zip")
    assert list((cache_dir() / "own").iterdir()) == []
    assert not (tmp_path / "cache" / "out.png").exists()
