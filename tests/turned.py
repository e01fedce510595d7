"""How a camera stores an image for each value of the EXIF orientation tag."""

from __future__ import annotations

from PIL import Image

TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image as it is stored under an orientation."""
    operation = TURNED[orientation]
    return image if operation is None else image.transpose(operation)
