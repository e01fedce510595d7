"""Somebody drops a zip of images, made by any program on any machine, whole or broken."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from simsiam_core.config import ConfigError
from simsiam_core.features import loaded, unpacking
from simsiam_core.features.unpacking import unpack


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))


def zipped(path: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, content in entries:
            opened.writestr(name, content)
    return path


def images(folder: str) -> list[str]:
    root = Path(folder)
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*.png"))


def test_made_on_windows(tmp_path: Path) -> None:
    """Backslashes between folders: all of it was refused as pointing outside."""
    found = unpack(zipped(tmp_path / "a.zip", ("mine\\cat\\1.png", png()), ("mine\\dog\\2.png", png())))
    assert images(found.folder) == ["mine/cat/1.png", "mine/dog/2.png"]
    assert found.skipped == ()


@pytest.mark.parametrize("outside", ["..\\out.png", "a\\..\\..\\out.png", "C:\\out.png", "\\\\host\\out.png"])
def test_windows_names_that_lead_outside_are_refused(tmp_path: Path, outside: str) -> None:
    """The same care for backslashes as for slashes."""
    with pytest.raises(ConfigError, match="points outside of it"):
        unpack(zipped(tmp_path / "a.zip", ("a.png", png()), (outside, png())))


def test_names_that_only_some_systems_know(tmp_path: Path) -> None:
    """A colon was refused; a name of 300 letters or a file and a folder of one name were a fault of the program."""
    long, deep = "x" * 300 + ".png", "d/" * 1500 + "deep.png"
    entries = ["at 12:30.png", "Cat.png", "cat.png", long, deep, "both.png", "both.png/in.png", "ok/é🐈.png"]
    found = unpack(zipped(tmp_path / "a.zip", *((name, png()) for name in entries)))
    assert images(found.folder) == [
        "Cat.png",
        "at 12:30.png",
        "both.png",
        "both.png/in.png",
        "cat.png",
        "ok/é🐈.png",
    ]
    reasons = dict(entry.rsplit(": ", 1) for entry in found.skipped)
    assert reasons.pop("both.png") == "the zip also has a folder of that name"
    assert sorted(reasons.values()) == [
        "it lies more than 32 folders deep",
        "its name is too long to be stored here",
    ]
    assert str(found).startswith("5 images unpacked; 3 files left out: d/d/d/")


def test_a_name_given_twice_means_the_last(tmp_path: Path) -> None:
    """A zip that was changed by appending: one of two went without a word."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", ("a.png", png("red")), ("a.png", png("blue")))
    found = unpack(path)
    assert (Path(found.folder) / "a.png").read_bytes() == png("blue")
    assert found.skipped == ("a.png: a later file in the zip has the same name",)


def test_names_in_utf8_that_do_not_say_so(tmp_path: Path) -> None:
    """As a Mac packs them: umlauts became CP437 letters."""
    path = zipped(tmp_path / "a.zip", ("Kater-_-.png", png()), ("aa-_-.png", png()))
    raw = path.read_bytes().replace(b"Kater-_-", "Kätér_".encode()).replace(b"aa-_-", b"a\x81-_-")
    path.write_bytes(raw)  # the second is CP437: no UTF-8
    assert images(unpack(path).folder) == ["Kätér_.png", "aü-_-.png"]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_file_inside(tmp_path: Path, method: int) -> None:
    """zlib, bz2 and lzma each raise their own error: "something went wrong here, not in your input"."""
    path = zipped(tmp_path / "a.zip", ("good.png", png()), ("bad.png", bytes(range(256)) * 40), method=method)
    with zipfile.ZipFile(path) as opened:
        entry = opened.getinfo("bad.png")
    at = entry.header_offset + 30 + len("bad.png")
    raw = bytearray(path.read_bytes())
    raw[at + 9 : at + 60] = b"\xff" * 51
    path.write_bytes(raw)
    found = unpack(path)
    assert images(found.folder) == ["good.png"]
    assert found.skipped == ("bad.png: it is damaged",)


def _locked(path: Path) -> None:
    """Entries that say they are encrypted."""
    zipped(path, ("a.png", png()), ("b.png", png()))
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            raw[at + offset] |= 1
            at = raw.find(signature, at + 1)
    path.write_bytes(raw)


def _unknown_method(path: Path) -> None:
    zipped(path, ("a.png", png()))
    raw = path.read_bytes()
    raw = raw.replace(b"PK\x03\x04\x14\x00\x00\x00\x00\x00", b"PK\x03\x04\x14\x00\x00\x00\x09\x00")
    at = raw.find(b"PK\x01\x02") + 10
    path.write_bytes(
        raw[:at] + struct.pack("<H", 9) + raw[at + 2 :]
    )  # deflate64, as Explorer packs large files


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: p.write_bytes(b""), "damaged or incomplete, or no zip"),
        (lambda p: p.write_bytes(png()), "damaged or incomplete, or no zip"),
        (lambda p: p.write_bytes(zipped(p, ("a.png", png())).read_bytes()[:-30]), "damaged or incomplete"),
        (lambda p: zipped(p, ("a/", b""), ("b/", b"")), "holds no images"),
        (lambda p: zipped(p, ("in.zip", b"PK")), "in.zip .it is a zip inside the zip; unpack it first"),
        (lambda p: zipped(p, ("__MACOSX/._a.png", b"x"), (".b.png", b"x")), "2 files left out"),
        (_locked, "a.png .it asks for a password"),
        (_unknown_method, "packed in a way that is not known here"),
    ],
)
def test_nothing_in_it_can_be_used(make: Callable[[Path], object], sentence: str, tmp_path: Path) -> None:
    """One sentence about the zip, without a path of the server, and nothing is left behind."""
    make(tmp_path / "a.zip")
    with pytest.raises(ConfigError, match=sentence) as caught:
        unpack(tmp_path / "a.zip")
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "own").iterdir()) == []


def test_garbage_after_the_end_does_no_harm(tmp_path: Path) -> None:
    """A download with something appended."""
    path = zipped(tmp_path / "a.zip", ("a.png", png()))
    path.write_bytes(path.read_bytes() + b"\n<html>")
    assert images(unpack(path).folder) == ["a.png"]


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No path of the server, and no fault of the zip."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(unpacking, "_write", full)
    with pytest.raises(ConfigError, match=r"cannot be unpacked here .No space left on device.") as caught:
        unpack(zipped(tmp_path / "a.zip", ("a.png", png())))
    assert str(tmp_path) not in str(caught.value)


def test_images_that_cannot_be_read_name_no_folder_of_the_server(tmp_path: Path) -> None:
    """The zip is sound and its images are not: the sentence named the place where it was unpacked."""
    found = unpack(zipped(tmp_path / "a.zip", ("a.png", b"no image"), ("b.png", b"")))
    with pytest.raises(ConfigError, match="the zip") as caught:
        loaded.folder_dataset(found.folder, 16)
    assert str(tmp_path) not in str(caught.value)
