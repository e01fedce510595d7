"""EXIF orientation of photos, read tolerantly even if other EXIF data is malformed."""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

ORIENTATION = 0x0112
SHORT = 3
# Transform to upright by tag value (EXIF 2.32, section 4.6.5); none for 1 and for invalid values.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """Rotate or mirror the image according to its orientation tag. Raises what decoding the pixels raises.

    Pillow's `exif_transpose` rewrites all tags, and so fails if any is malformed.
    """
    turn = _TURNS.get(_orientation(image))
    if isinstance(image, TiffImageFile):
        # Loading a TIFF applies its orientation, which parses every tag. Override `getexif` to return none.
        setattr(image, "getexif", Image.Exif)  # noqa: B010
    image.load()
    return image if turn is None else image.transpose(turn)


def is_turned(image: Image.Image) -> bool:
    """Return whether `upright` swaps width and height."""
    return _orientation(image) >= 5


def _orientation(image: Image.Image) -> int:
    """Return the orientation, 1 to 8; 1 if the tag is missing or malformed."""
    found: Any = None
    try:
        if isinstance(image, TiffImageFile):
            found = image.tag_v2.get(ORIENTATION)
        else:
            found = _first(image.info.get("exif"))
            found = image.getexif().get(ORIENTATION) if found is None else found
    except Exception:  # Pillow raises various types for malformed tags
        found = None
    return found if type(found) is int and found in _TURNS else 1


def _first(exif: Any) -> int | None:
    """Return the tag from the first directory, None if missing or malformed, and 0 if it has several values.

    Pillow stops reading at a tag whose text lies beyond the end, and the orientation may come after it.
    """
    if not isinstance(exif, bytes):
        return None
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "L", block, 4)
        (tags,) = struct.unpack_from(order + "H", block, start)
        for place in range(start + 2, start + 2 + 12 * tags, 12):
            tag, kind, count, value = struct.unpack_from(order + "HHLH", block, place)
            if tag == ORIENTATION and (kind == SHORT or count != 1):
                return int(value) if count == 1 else 0
    except struct.error:  # truncated
        pass
    return None
