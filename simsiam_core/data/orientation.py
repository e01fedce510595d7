"""Which way up a photo is, read from its EXIF data alone and whatever else is wrong with that."""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

ORIENTATION = 0x0112
SHORT = 3
# By the tag's value (EXIF 2.32, section 4.6.5): what brings the image upright. 1 and all that is no value: nothing.
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
    """Turn the image as its orientation tag says. Raises what decoding the pixels raises.

    Pillow's `exif_transpose` writes all tags anew, and so fails for one that is malformed.
    """
    turn = _TURNS.get(_orientation(image))
    if isinstance(image, TiffImageFile):
        # Loading a TIFF turns it, and reads every tag for that. The method of this one image finds none instead.
        setattr(image, "getexif", Image.Exif)  # noqa: B010
    image.load()
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Return the orientation, 1 to 8; 1 where there is no such tag, or a broken one."""
    found: Any = None
    try:
        if isinstance(image, TiffImageFile):
            found = image.tag_v2.get(ORIENTATION)
        else:
            found = _first(image.info.get("exif"))
            found = image.getexif().get(ORIENTATION) if found is None else found
    except Exception:  # Pillow raises anything at malformed tags
        found = None
    return found if type(found) is int and found in _TURNS else 1


def _first(exif: Any) -> int | None:
    """Return the tag of the first directory, None if it is not there as it should be, and 0 if it has several values.

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
    except struct.error:  # it ends too early
        pass
    return None
