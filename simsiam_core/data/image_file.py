"""Robust decoding of untrusted image files into the network's square input."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from simsiam_core.data.depth import NoValueError, eight_bits, no_data
from simsiam_core.data.formats import FORMATS, MARK_BYTES, SUFFIXES, format_by_content
from simsiam_core.data.orientation import is_turned, upright

__all__ = ["FORMATS", "SUFFIXES", "ImageError", "read_image", "read_resized", "upright_size"]

MAX_MEGAPIXELS = 50
MAX_MEGABYTES = 100
Region = tuple[float, float, float]  # left, top and side of a square, relative to the centre square

# Large images are rejected below at a lower limit, with an error message.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Malformed TIFF tags do not matter: only the orientation and no-data tags are read, tolerantly.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL.TiffImagePlugin")


class ImageError(ValueError):
    """An image file that cannot be read; the message is one sentence for the user."""

    @property
    def reason(self) -> str:
        """The message in the form used for reasons for leaving files out: a clause."""
        sentence = str(self).removesuffix(".")
        return sentence[:1].lower() + sentence[1:]


def read_image(source: Path | bytes | Image.Image, size: int, region: Region | None = None) -> Tensor:
    """Read an image as uint8 [3, size, size]: upright, RGB, on white, shorter side resized, centre crop.

    `region` crops a square out of that centre square, at the original resolution before resizing.
    Resizing is bilinear with antialiasing. Size limits are checked on the header, before decoding. An image
    that is open already is treated like its file.
    Raises ImageError for files that are not images, are damaged, or are too large.
    """
    with _opened(source) as image:
        return _square(image, size, region)


@contextmanager
def _opened(source: Path | bytes | Image.Image) -> Iterator[Image.Image]:
    """Open an image file, or copy an open one; whatever goes wrong inside the block is raised as ImageError."""
    try:
        if isinstance(source, Image.Image):
            yield source.copy()
            return
        _check_bytes(len(source) if isinstance(source, bytes) else source.stat().st_size)
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            megapixels = image.width * image.height / 1e6
            if megapixels > MAX_MEGAPIXELS:
                raise ImageError(_too_large(f"{megapixels:.0f}"))
            yield image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(_too_large("far more than 100")) from None
    except UnidentifiedImageError:
        raise ImageError(_unknown(source)) from None
    except NoValueError:
        raise ImageError("The image has no values: every pixel is infinite, NaN or no data.") from None
    except FileNotFoundError:
        raise ImageError("The file is no longer there.") from None
    except PermissionError:
        raise ImageError("The file may not be read (permission denied).") from None
    except Exception as error:  # decoders raise various types for malformed files
        raise ImageError(f"The image is damaged or incomplete ({error or type(error).__name__}).") from None


def upright_size(source: Path | bytes) -> tuple[int, int]:
    """Return the height and width of an image file, upright, from its header. Raises ImageError."""
    with _opened(source) as image:
        width, height = image.size
        return (width, height) if is_turned(image) else (height, width)


def read_resized(source: Path | bytes, height: int, width: int) -> Tensor:
    """Read a whole image as uint8 [3, height, width]: upright, RGB, on white, resized as by `read_image`.

    Raises ImageError as `read_image` does.
    """
    with _opened(source) as image:
        missing = no_data(image)
        image.draft(None, (2 * height, 2 * width) if is_turned(image) else (2 * width, 2 * height))
        whole = _rgb(eight_bits(upright(image), missing))
        if whole.size != (width, height):
            whole = whole.resize((width, height), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(whole)).permute(2, 0, 1).contiguous()


def _unknown(source: Path | bytes | Image.Image) -> str:
    """Return what is said of content that nothing here can read."""
    first = b""
    if isinstance(source, bytes):
        first = source[:MARK_BYTES]
    elif isinstance(source, Path):
        with suppress(OSError), source.open("rb") as file:
            first = file.read(MARK_BYTES)
    if format_by_content(first) == "HEIF":
        return "This is an iPhone's HEIC photo, which is not read here: save it as JPEG and choose that."
    return f"This is not an image in a known format ({', '.join(FORMATS)})."


def _check_bytes(given: int) -> None:
    if given > MAX_MEGABYTES * 1e6:
        raise ImageError(f"The file has {given / 1e6:.0f} MB; at most {MAX_MEGABYTES} MB are accepted.")


def _too_large(megapixels: str) -> str:
    return f"The image has {megapixels} megapixels; at most {MAX_MEGAPIXELS} are accepted."


def _square(image: Image.Image, size: int, region: Region | None) -> Tensor:
    left_share, top_share, share = region or (0.0, 0.0, 1.0)
    enough = round(2 * size / share)
    missing = no_data(image)
    image.draft(None, (enough, enough))  # decodes a large JPEG at reduced size
    square = _rgb(eight_bits(upright(image), missing))
    side = min(square.size)
    if square.size != (size, size) or region:
        left, top = (
            (square.width - side) / 2 + left_share * side,
            (square.height - side) / 2 + top_share * side,
        )
        box = (left, top, left + share * side, top + share * side)
        square = square.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert("RGB")
