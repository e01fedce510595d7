"""Escaping of file names so that any file, page or terminal can show and store them.

A name on disk may contain bytes that are not UTF-8, line breaks, terminal escapes, or marks that change the
text direction. `printable` escapes these and nothing else; `original` reverses it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# Marks that reorder or hide text. Joiners (U+200C, U+200D) are not escaped: some scripts and emoji need them.
_REORDERING = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))")

UNPACKING_RECORD = ".left-out.json"  # beside the images of an unpacked zip; no part of them


def printable(name: str) -> str:
    r"""Return a name as safe, printable UTF-8; different names stay different, ordinary ones unchanged.

    `name` is as returned by Python's file functions. A byte that is not UTF-8 becomes `\xe9`, a control
    character `\x0a`, another unsafe character `\u202e`; a backslash that would read as the start of such an
    escape becomes `\x5c`.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_escaped(name, position) for position in range(len(name)))


def _escaped(name: str, position: int) -> str:
    character = name[position]
    code = ord(character)
    if code < 0x20 or code == 0x7F or (character == "\\" and _ESCAPE.match(name, position)):
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a surrogate escape: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    unshown = 0x80 <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or character in "\u2028\u2029"
    return f"\\u{code:04x}" if unshown or character in _REORDERING else character


def original(shown: str) -> str:
    """Return the original of a name escaped by `printable`."""
    return _ESCAPE.sub(_unescaped, shown)


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 16)
    return chr(code + 0xDC00 if found[1] and code >= 0x80 else code)


def storable(path: str) -> str:
    """Return a path that can be stored as UTF-8 in settings and files: escaped only if necessary."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return printable(path)
    return path


def located(path: str) -> Path:
    """Return the path meant by one that may come from `storable`: as given, or unescaped if only that exists.

    Raises ValueError, whose only argument is a sentence, if both exist.
    """
    given, unescaped = Path(path), Path(original(path))
    if given == unescaped or not os.path.lexists(unescaped):
        return given
    if os.path.lexists(given):
        raise ValueError(
            f"{printable(path)} may be either of two; rename the one whose name has a backslash."
        )
    return unescaped
