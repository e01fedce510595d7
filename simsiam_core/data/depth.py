"""Images of 16 bits and more, and of fractions: to 8 bits, without what is no value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GDAL_NODATA = 42113  # the TIFF tag in which geographic programs name the value that stands for none, as text
# What stands for no value by custom, tag or not, where everything else lies far above it.
_CUSTOMARY = (-9999.0, -99999.0, -32768.0, float(np.finfo(np.float32).min))
_OUTLYING = 10  # times wider than the middle 98 % of values: then a few strays decide over black and white
_SAMPLED = 1_000_000  # pixels that percentiles are taken of
_WHITE = 255


class NoValueError(ValueError):
    """Not one pixel has a value."""


def no_data(image: Image.Image) -> float | None:
    """Return the value that stands for none, if the file names one."""
    try:
        return float(str(image.tag_v2[GDAL_NODATA]).strip(" \0"))  # type: ignore[attr-defined]
    except Exception:  # no TIFF, no tag, or a malformed one, at which Pillow raises anything
        return None


def eight_bits(image: Image.Image, missing: float | None) -> Image.Image:
    """Make a grey image of 8 bits out of the modes `I;16`, `I` and `F`; others as they are.

    16 bits keep their scale: 65,535 becomes white. For the others none is agreed upon, and the lowest value becomes
    black, the highest white; where a few strays would leave the rest no contrast, the 1st and the 99th percentile
    do. Pixels that are infinite, NaN or `missing` are white, as transparent ones are. Raises NoValueError.
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
    """Return what becomes black and white; takes what stands for no value by custom out of `known`."""
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
