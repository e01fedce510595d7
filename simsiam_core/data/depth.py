"""Conversion of 16-bit, 32-bit and float images to 8 bits, with handling of no-data values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GDAL_NODATA = 42113  # the TIFF tag in which GIS software stores the no-data value as text
# Conventional no-data values, recognised without the tag if all other values are far above.
_CUSTOMARY = (-9999.0, -99999.0, -32768.0, float(np.finfo(np.float32).min))
_OUTLYING = 10  # full range / middle 98 % of values: above this ratio, outliers would set the scale
_SAMPLED = 1_000_000  # pixels sampled for percentiles
_WHITE = 255


class NoValueError(ValueError):
    """An image in which no pixel has a value."""


def no_data(image: Image.Image) -> float | None:
    """Return the no-data value if the file specifies one."""
    try:
        return float(str(image.tag_v2[GDAL_NODATA]).strip(" \0"))  # type: ignore[attr-defined]
    except Exception:  # no TIFF, no tag, or a malformed tag, for which Pillow raises various types
        return None


def eight_bits(image: Image.Image, missing: float | None) -> Image.Image:
    """Convert images of mode `I;16`, `I` or `F` to 8-bit greyscale; others are returned unchanged.

    16-bit images keep their scale: 65,535 becomes white. The other modes have no standard scale: the minimum
    becomes black and the maximum white, or the 1st and 99th percentiles if outliers would leave little
    contrast. Pixels that are infinite, NaN or `missing` become white, like transparent ones. Raises
    NoValueError.
    """
    if not (image.mode.startswith("I;16") or image.mode in ("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float64)
    known = np.isfinite(values)
    if missing is not None:
        known &= values != (np.float32(missing) if image.mode == "F" else missing)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        low, high = _range(values, known)
    if not known.any():
        raise NoValueError
    scaled = (np.where(known, values, low) - low) * 255 / max(high - low, 1e-9)
    shown = np.where(known, scaled.clip(0, 255).round(), _WHITE)
    return Image.fromarray(shown.astype(np.uint8))


def _range(values: NDArray[np.float64], known: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the values for black and white; removes conventional no-data values from `known`."""
    inside = values[known]
    if not inside.size:
        raise NoValueError
    low, high = float(inside.min()), float(inside.max())
    rest = inside[inside > low]
    if low in _CUSTOMARY and rest.size and rest.min() - low > rest.max() - rest.min():
        known &= values != low
        inside, low = rest, float(rest.min())
    sample = inside[:: -(-inside.size // _SAMPLED)]
    dark, bright = (float(edge) for edge in np.percentile(sample, (1, 99)))
    return (dark, bright) if high - low > _OUTLYING * (bright - dark) else (low, high)
