"""Photos with broken tags, and TIFFs of measurements, as cameras and geographic programs write them."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from turned import TURNED, turned

from simsiam_core.data import ImageError, read_image

Tag = tuple[
    int, int, int, bytes
]  # tag, type, count, value; types: 2 text, 3 short, 4 long, 5 rational, 7 bytes


def upright() -> Image.Image:
    image = Image.new("RGB", (48, 48), "blue")
    image.paste("red", (0, 0, 24, 48))
    image.paste("lime", (0, 0, 48, 12))
    return image


def laid_down(orientation: int) -> Image.Image:
    return turned(upright(), orientation)


def is_upright(data: bytes) -> bool:
    seen = read_image(data, 48).int()
    left, right, top = seen[:, 30, 4].tolist(), seen[:, 30, 44].tolist(), seen[:, 4, 24].tolist()
    return left[0] > 200 and right[2] > 200 and top[1] > 200


def exif(*tags: Tag) -> bytes:
    """A block with one directory, little-endian."""
    return b"Exif\0\0" + b"II*\0\x08\0\0\0" + directory(*tags)


def directory(*tags: Tag) -> bytes:
    behind, entries = b"", b""
    for tag, kind, count, value in sorted(tags):
        if len(value) > 4:
            place = struct.pack("<L", 8 + 2 + 12 * len(tags) + 4 + len(behind))
            value, behind = place, behind + value
        entries += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + behind


def short(value: int) -> bytes:
    return struct.pack("<H", value)


def photo(kind: str, image: Image.Image, block: bytes) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, exif=block, **({} if kind == "PNG" else {"quality": 95}))
    return buffer.getvalue()


def tiff(image: Image.Image, *tags: Tag) -> bytes:
    """An uncompressed RGB file with any tags."""
    pixels = image.tobytes()
    own: list[Tag] = [
        (0x100, 4, 1, struct.pack("<L", image.width)),
        (0x101, 4, 1, struct.pack("<L", image.height)),
        (0x102, 3, 3, short(8) * 3),
        (0x103, 3, 1, short(1)),
        (0x106, 3, 1, short(2)),
        (0x115, 3, 1, short(3)),
        (0x116, 4, 1, struct.pack("<L", image.height)),
        (0x117, 4, 1, struct.pack("<L", len(pixels))),
    ]
    strip: Tag = (0x111, 4, 1, b"\0\0\0\0")
    end = 8 + len(directory(*own, *tags, strip))
    strip = (0x111, 4, 1, struct.pack("<L", end))
    return b"II*\0\x08\0\0\0" + directory(*own, *tags, strip) + pixels


MALFORMED: list[Tag] = [
    (0x128, 2, 2, b"x\0"),  # a resolution unit as text
    (0x10F, 3, 1, short(3)),  # a maker as a number
    (0x10F, 2, 4_000_000, struct.pack("<L", 8)),  # a maker that lies beyond the end
    (0x11A, 5, 1, b"\0" * 8),  # 0/0
    (0x11A, 2, 3, b"ab\0"),
    (0x131, 12, 1, b"\0" * 8),
    (0x213, 7, 5, b"abcde"),
    (0x8769, 4, 1, struct.pack("<L", 99_999)),  # a directory that is not there
    (0x8769, 2, 4, b"abc\0"),
    (0x8825, 4, 1, struct.pack("<L", 7)),
    (0xA005, 4, 1, struct.pack("<L", 2)),
    (0x9999, 99, 1, b"abcd"),
    (0x111, 4, 1, b"\xff" * 4),
]


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_with_one_malformed_tag_is_read_and_upright(orientation: int) -> None:
    """Orientation 6 beside tag 0x128 as text: the photo was refused as damaged."""
    turn: Tag = (0x112, 3, 1, short(orientation))
    for bad in MALFORMED:
        for kind in ("JPEG", "PNG", "WEBP"):
            assert is_upright(photo(kind, laid_down(orientation), exif(turn, bad))), (kind, bad)
        if bad[0] not in (0x111, 0x10F):  # without those that say where the pixels are, a TIFF cannot be read
            assert is_upright(tiff(laid_down(orientation), turn, bad)), bad


@pytest.mark.parametrize(
    "broken",
    [(2, 2, b"6\0"), (3, 1, short(9)), (3, 1, short(0)), (3, 2, short(6) + short(1)), (7, 4, b"abcd"), (3, 0, b""),
     (5, 1, struct.pack("<LL", 6, 1)), (12, 1, struct.pack("<d", 6)), (11, 1, struct.pack("<f", float("nan"))),
     (99, 1, b"\6\0\0\0")],
)  # fmt: skip
def test_a_broken_orientation_means_upright(broken: tuple[int, int, bytes]) -> None:
    """Text, 9, 0, several values: nothing is known, so nothing is turned."""
    assert is_upright(photo("JPEG", upright(), exif((0x112, *broken))))


@pytest.mark.parametrize(
    "block", [b"junk", b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0II*\0\xff\xff\xff\xff", exif()[:15]]
)
def test_exif_that_is_cut_off_means_upright(block: bytes) -> None:
    """EXIF blocks that end too early."""
    assert all(is_upright(photo(kind, upright(), block)) for kind in ("JPEG", "PNG", "WEBP"))


# --- measurements -------------------------------------------------------------------------------------

RAMP = np.linspace(100, 200, 64, dtype=np.float32).reshape(8, 8)
GREY = np.linspace(0, 255, 64).reshape(8, 8)


def seen(values: np.ndarray, missing: str | None = None) -> np.ndarray:
    buffer, tags = BytesIO(), {42113: missing} if missing else {}
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo=tags)
    return read_image(buffer.getvalue(), 8)[0].numpy().astype(int)


def changed(values: np.ndarray, at: tuple[int, int], value: float) -> np.ndarray:
    values = values.copy()
    values[at] = value
    return values


@pytest.mark.parametrize("stray", [np.inf, -np.inf, np.nan])
def test_one_infinity_leaves_the_others_their_contrast(stray: float) -> None:
    """One infinity: all black."""
    shown = seen(changed(RAMP, (3, 3), stray))
    assert shown[3, 3] == 255
    assert np.abs(np.delete(shown - GREY, 27)).max() <= 1


@pytest.mark.parametrize("missing", [-9999.0, -3.4028234663852886e38, 0.0, 1e20])
def test_a_named_no_data_value_is_white_and_counts_for_nothing(missing: float) -> None:
    """A no-data value (-9999): all white."""
    values = RAMP.copy()
    values[:2] = missing
    values[2, 0] = 100
    shown = seen(values, f"{missing!r}")
    assert (shown[:2] == 255).all()
    assert np.abs(shown[2:].flatten()[1:] - GREY[2:].flatten()[1:]).max() <= 1


def test_an_unnamed_no_data_value_is_recognised_where_it_is_customary() -> None:
    """-9999 in a file without the tag."""
    values = RAMP.copy()
    values[:2] = -9999
    assert (seen(values)[:2] == 255).all()
    assert np.ptp(seen(values)[2:]) == 255
    assert np.abs(seen(values.astype(np.int32)) - seen(values)).max() <= 3
    deep = np.linspace(-9999, 0, 64, dtype=np.float32).reshape(8, 8)  # here it is the deepest of many
    assert seen(deep)[0, 0] == 0


def test_a_few_strays_do_not_decide_over_black_and_white() -> None:
    """Hot pixels."""
    large = np.linspace(100, 200, 40_000, dtype=np.float32).reshape(200, 200)
    buffer = BytesIO()
    Image.fromarray(changed(large, (100, 100), 1e6)).save(buffer, "TIFF")
    shown = read_image(buffer.getvalue(), 200)[0]
    assert float(shown.float().std()) == pytest.approx(74, abs=2)


def test_clean_measurements_are_as_before() -> None:
    """From the lowest value, black, to the highest, white, without a cut."""
    for values in (RAMP, (RAMP * 1000).astype(np.int32), -RAMP[::-1]):
        scale = (values.astype(float) - values.min()) * 255 / (float(values.max()) - float(values.min()))
        assert (seen(values) == scale.round()).all()
    assert (seen(np.full((8, 8), 7, np.float32)) == 0).all()


def test_sixteen_bits_with_no_data() -> None:
    """0 as no data: white; the scale stays."""
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    shown = seen(values, "0")
    assert shown[0, 0] == 255
    assert np.abs(shown.flatten()[1:] - GREY.flatten()[1:]).max() <= 1


@pytest.mark.parametrize("text", ["nothing", "", "1e999", "9" * 400])
def test_a_no_data_tag_that_says_nothing_is_passed_over(text: str) -> None:
    """Malformed tags."""
    assert (seen(RAMP, text) == seen(RAMP)).all()


@pytest.mark.parametrize(("value", "missing"), [(np.nan, None), (np.inf, None), (5, "5"), (-np.inf, "nan")])
def test_an_image_without_values_is_refused(value: float, missing: str | None) -> None:
    """Nothing but NaN."""
    with pytest.raises(ImageError, match="no values"):
        seen(np.full((8, 8), value, np.float32), missing)
