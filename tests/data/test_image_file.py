"""Images of every kind people have, and files that are none."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from turned import turned

from simsiam_core.data import ImageError, read_image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def left_red_right_blue() -> Image.Image:
    image = Image.new("RGB", (64, 64), "blue")
    image.paste("red", (0, 0, 32, 64))
    return image


def test_shape_type_and_exact_pixels_without_resizing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    ours = read_image(encoded(Image.fromarray(pixels)), 16)
    assert ours.dtype == torch.uint8 and ours.is_contiguous()
    assert torch.equal(ours, torch.from_numpy(pixels).permute(2, 0, 1))


def test_path_and_bytes_are_alike(tmp_path: Path) -> None:
    data = encoded(left_red_right_blue(), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    assert torch.equal(read_image(tmp_path / "a.jpg", 8), read_image(data, 8))


def test_the_centre_of_a_wide_image() -> None:
    image = Image.new("RGB", (300, 100), "white")
    image.paste("black", (100, 0, 200, 100))
    ours = read_image(encoded(image), 10)
    assert (
        ours[:, :, 1:-1].max() == 0 and (ours[:, :, [0, -1]] < 64).all()
    )  # the edges blend with what is cut


def test_shrinking_averages() -> None:
    """A one-pixel chequerboard becomes even grey, not a pattern of its own."""
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    ours = read_image(encoded(Image.fromarray(board)), 16).float()
    assert ours.std() < 4 and abs(float(ours.mean()) - 127.5) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = left_red_right_blue()
    exif = Image.Exif()
    exif[0x0112] = orientation
    ours = read_image(encoded(turned(upright, orientation), "JPEG", exif=exif, quality=95), 64).int()
    assert (ours[0, :, 4] > 200).all() and (ours[2, :, 60] > 200).all()


def test_transparency_lies_on_white() -> None:
    assert read_image(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), 8).min() == 255
    half = read_image(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128))), 8)
    assert half.unique().tolist() == [127]
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30] * 256)
    assert read_image(encoded(palette, transparency=0), 8).min() == 255
    assert read_image(encoded(palette), 8)[:, 0, 0].tolist() == [10, 20, 30]


def test_sixteen_bits_keep_their_scale() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    for kind in ("PNG", "TIFF"):
        ours = read_image(encoded(Image.fromarray(ramp), kind), 8)
        assert torch.equal(ours[0], ours[2])
        assert np.abs(ours[0].numpy() - ramp / 257).max() <= 1


@pytest.mark.parametrize(
    "values", [np.array([[0, 0.5], [0.5, 1]], np.float32), np.array([[0, 5000], [5000, 10000]], np.int32)]
)
def test_values_without_a_scale_are_stretched(values: np.ndarray) -> None:
    assert read_image(encoded(Image.fromarray(values), "TIFF"), 2)[0].flatten().tolist() == [
        0,
        128,
        128,
        255,
    ]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "CMYK", "P"])
def test_other_modes(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert read_image(encoded(Image.new("RGB", (8, 8), "white").convert(mode), kind), 8).min() >= 250


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(data, 8)[:, 0, 0].tolist() == [255, 0, 0]


def test_one_pixel_and_thin_images() -> None:
    assert read_image(encoded(Image.new("RGB", (1, 1), "red")), 32)[0].min() == 255
    assert read_image(encoded(Image.new("RGB", (5000, 1), "red")), 32).shape == (3, 32, 32)


def test_a_large_jpeg_looks_as_if_fully_decoded() -> None:
    y, x = np.mgrid[0:1500, 0:2000]
    smooth = np.stack([x / 8, y / 6, (x + y) / 14], -1).clip(0, 255).astype(np.uint8)
    small, full = (
        read_image(encoded(Image.fromarray(smooth), kind, **options), 32).int()
        for kind, options in (("JPEG", {"quality": 95}), ("PNG", {}))
    )
    assert (small - full).abs().max() <= 4


def header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize(
    ("side", "sentence"),
    [(7100, "has 50 megapixels"), (10_000, "has 100 megapixels"), (60_000, "far more than 100")],
)
def test_too_large_is_said_before_decoding(side: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        pytest.fail("decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    with pytest.raises(ImageError, match=sentence):
        read_image(header(side, side), 32)


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsiam_core.data.image_file.MAX_MEGABYTES", 0.0001)
    with pytest.raises(ImageError, match="MB are accepted"):
        read_image(encoded(left_red_right_blue(), "BMP"), 32)


JPEG = encoded(left_red_right_blue(), "JPEG")


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.4", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(ImageError, match="not an image in a known format"):
        read_image(data, 32)


def test_an_iphone_photo_that_is_not_read_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("simsiam_core.data.image_file.FORMATS", ("JPEG", "PNG"))
    heic = b"\0\0\0\x18ftypheic" + bytes(64)
    (tmp_path / "IMG_1.HEIC").write_bytes(heic)
    for source in (heic, tmp_path / "IMG_1.HEIC"):
        with pytest.raises(ImageError, match=r"iPhone's HEIC photo.* save it as JPEG"):
            read_image(source, 32)


@pytest.mark.parametrize("data", [JPEG[:400], encoded(left_red_right_blue())[:60]])
def test_truncated(data: bytes) -> None:
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read_image(data, 32)


def test_damage_anywhere_is_read_or_refused_in_words() -> None:
    """Any other exception would fail the test."""
    random = np.random.default_rng(0)
    whole = [encoded(left_red_right_blue(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")]
    refused = 0
    for data in whole * 30:
        damaged = bytearray(data)
        for position in random.integers(0, len(data), 6):
            damaged[position] = random.integers(0, 256)
        try:
            assert read_image(bytes(damaged), 8).shape == (3, 8, 8)
        except ImageError:
            refused += 1
    assert refused > 20


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no longer there"):
        read_image(tmp_path / "gone.jpg", 32)
