"""Supported image formats: suffixes, magic numbers, and advice for formats that are not supported."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from mimetypes import MimeTypes
from typing import IO, TYPE_CHECKING

from PIL import Image, features

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_SUFFIXES = {  # by Pillow's format name; formats that start another program, such as EPS, are excluded
    "JPEG": ".jpg .jpeg .jpe .jfif .jfi .jif .pjpeg .pjp .mpo",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "AVIF": ".avif .avifs",
    "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx",
    "HEIF": ".heic .heics .heif .heifs .hif",
    "TGA": ".tga .icb .vda .vst",  # last: it has no magic number, so Pillow tries it on any file
}
_NEEDED = {
    "AVIF": features.check("avif"),
    "JPEG2000": features.check("jpg_2000"),
    "HEIF": find_spec("pillow_heif") is not None,
}
FORMATS = tuple(name for name in _SUFFIXES if _NEEDED.get(name, True))
SUFFIXES = frozenset(suffix for name in FORMATS for suffix in _SUFFIXES[name].split())

_UNREAD = {  # advice: suffixes of image formats that are not supported
    "this format is not read; save it as PNG or JPEG": ".jxl .jxr .wdp .exr .hdr .dcm .dicom .nii .ico .cur .icns "
    ".fit .fits .dds .pcx .sgi .rgb .bw .ras .xbm .xpm .xwd .qoi .pict .pct .jls .jxs .bpg .flif .djvu",
    "a drawing has no pixels; save it as PNG": ".svg .svgz .eps .ps .ai .wmf .emf .cdr",
    "an image editor's own format; save it as PNG or JPEG": ".psd .psb .xcf .kra .ora .clip .sketch .afphoto",
    "a camera's raw format; save it as JPEG": ".raw .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .dng .orf .rw2 .raf "
    ".pef .srw .3fr .erf .fff .iiq .k25 .kdc .mef .mos .mrw .rwl .x3f .gpr",
    "HEIC is read with the package pillow-heif; install it, or save as JPEG": _SUFFIXES["HEIF"],
    "AVIF is read by newer versions of Pillow; install one, or save as JPEG": _SUFFIXES["AVIF"],
    "JPEG 2000 is not read by this Pillow; save it as PNG or JPEG": _SUFFIXES["JPEG2000"],
}
_ADVICE = {suffix: advice for advice, suffixes in _UNREAD.items() for suffix in suffixes.split()}
_OTHER_IMAGE = next(iter(_UNREAD))
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_MARKS = {  # magic numbers as (offset, bytes); the other formats have none that is checked
    "JPEG": [(0, b"\xff\xd8\xff")],
    "PNG": [(0, b"\x89PNG\r\n\x1a\n")],
    "WEBP": [(8, b"WEBP")],
    "GIF": [(0, b"GIF8")],
    "TIFF": [(0, b"II*\0"), (0, b"MM\0*")],
    "AVIF": [(4, b"ftypavif"), (4, b"ftypavis")],
    "JPEG2000": [(0, b"\0\0\0\x0cjP  "), (0, b"\xff\x4f\xff\x51")],
    "HEIF": [(4, b"ftyp" + brand) for brand in _HEIF_BRANDS],
}
MARK_BYTES = 16
_UNFINISHED = ".bak .old .orig .tmp .temp .part .partial .crdownload .download .swp .lock"
UNFINISHED = frozenset(_UNFINISHED.split())  # suffixes of backups and partial downloads


def advice(suffix: str) -> str | None:
    """Return advice for an unsupported image suffix (lower case, with a dot); None for other suffixes."""
    if suffix in SUFFIXES:
        return None
    kind = _kinds().guess_type(f"file{suffix}")[0] or ""
    return _ADVICE.get(suffix) or (_OTHER_IMAGE if kind.startswith("image/") else None)


def advice_for(format: str) -> str | None:
    """Return the same as `advice`, for a file whose content has that format."""
    return advice(_SUFFIXES[format].split()[0])


def is_other_kind(suffix: str) -> bool:
    """Return whether a suffix is known to belong to files other than images, such as text or audio."""
    kind, encoding = _kinds().guess_type(f"file{suffix}")
    return bool(kind or encoding) and not (kind or "").startswith("image/")


def format_by_content(first_bytes: bytes) -> str | None:
    """Return the image format of a file by its first `MARK_BYTES` bytes, whether it is supported or not."""
    for name, marks in _MARKS.items():
        if any(first_bytes[start:].startswith(mark) for start, mark in marks):
            return name
    return None


@cache
def _kinds() -> MimeTypes:
    """Return Python's built-in table, without the system's, so that results do not depend on the machine."""
    return MimeTypes()


def _open_heif(file: IO[bytes], filename: str | bytes) -> ImageFile:
    from pillow_heif import HeifImageFile  # imported on first use: it loads large libraries

    return HeifImageFile(file, filename)


def _is_heif(prefix: bytes) -> bool:
    return format_by_content(prefix) == "HEIF"


if "HEIF" in FORMATS:
    Image.register_open("HEIF", _open_heif, _is_heif)
