"""Anybody's picture file, read defensively into the square the network sees."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from simsiam_core.data.depth import NoValueError, eight_bits, no_data
from simsiam_core.data.formats import FORMATS, SUFFIXES
from simsiam_core.data.orientation import upright

__all__ = ["FORMATS", "SUFFIXES", "PictureError", "read_picture"]

MAX_MEGAPIXELS = 50
MAX_MEGABYTES = 100
Region = tuple[float, float, float]  # left, top and side of a square, as shares of the centre square's side

# Pillow warns of large pictures on opening them; ours are refused with a sentence at a lower limit.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# And of every malformed tag, which the one tag that counts here is read in spite of.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL.TiffImagePlugin")


class PictureError(ValueError):
    """A file that cannot be shown to the network; the message is one sentence for the person who gave it."""


def read_picture(source: Path | bytes, size: int, region: Region | None = None) -> Tensor:
    """A picture as uint8 [3, size, size]: upright, RGB, on white, shorter side resized, centre cut.

    `region` cuts a square out of that centre square, from the picture's own pixels and not the resized ones.
    Resizing is bilinear with antialiasing. Size limits are checked on the header, before anything is decoded.
    Raises PictureError for what is not a picture, is damaged, or is too large.
    """
    try:
        bytes_given = len(source) if isinstance(source, bytes) else source.stat().st_size
        if bytes_given > MAX_MEGABYTES * 1e6:
            raise PictureError(
                f"The file has {bytes_given / 1e6:.0f} MB; at most {MAX_MEGABYTES} MB are accepted."
            )
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            megapixels = image.width * image.height / 1e6
            if megapixels > MAX_MEGAPIXELS:
                raise PictureError(_too_large(f"{megapixels:.0f}"))
            return _square(image, size, region)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(_too_large("far more than 100")) from None
    except UnidentifiedImageError:
        raise PictureError(f"This is not a picture in a known format ({', '.join(FORMATS)}).") from None
    except NoValueError:
        raise PictureError("The picture has no values: every pixel is infinite, NaN or no data.") from None
    except FileNotFoundError:
        raise PictureError("The file is no longer there.") from None
    except PermissionError:
        raise PictureError("The file may not be read (permission denied).") from None
    except Exception as error:  # decoders meet hostile files and raise anything
        raise PictureError(
            f"The picture is damaged or incomplete ({error or type(error).__name__})."
        ) from None


def _too_large(megapixels: str) -> str:
    return f"The picture has {megapixels} megapixels; at most {MAX_MEGAPIXELS} are accepted."


def _square(image: Image.Image, size: int, region: Region | None) -> Tensor:
    left_share, top_share, share = region or (0.0, 0.0, 1.0)
    enough = round(2 * size / share)
    missing = no_data(image)
    image.draft(None, (enough, enough))  # a large JPEG is decoded at a fraction of its size
    picture = _rgb(eight_bits(upright(image), missing))
    side = min(picture.size)
    if picture.size != (size, size) or region:
        left, top = (
            (picture.width - side) / 2 + left_share * side,
            (picture.height - side) / 2 + top_share * side,
        )
        box = (left, top, left + share * side, top + share * side)
        picture = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert("RGB")
