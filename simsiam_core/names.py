"""File names as text that any file, page or terminal can hold: one way of showing and storing them.

A name on disk may hold bytes that are no UTF-8, line breaks, terminal escapes, or marks that turn the direction of
the text around it. `printable` writes these, and nothing else, as escapes; `original` undoes it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# Marks that reorder or hide the text around them. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
_REORDERING = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))")


def printable(name: str) -> str:
    r"""Return a name as plain, harmless UTF-8; different names stay different, and an ordinary name stays as it is.

    `name` is as Python's file functions give it. A byte that is no UTF-8 becomes `\xe9`, a control character
    `\x0a`, another character that must not be shown `\u202e`; a backslash that could be taken for the beginning of
    such an escape becomes `\x5c`.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_escaped(name, position) for position in range(len(name)))


def _escaped(name: str, position: int) -> str:
    character = name[position]
    code = ord(character)
    if code < 0x20 or code == 0x7F or (character == "\\" and _ESCAPE.match(name, position)):
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    unshown = 0x80 <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or character in "\u2028\u2029"
    return f"\\u{code:04x}" if unshown or character in _REORDERING else character


def original(shown: str) -> str:
    """Return the name that `printable` was given."""
    return _ESCAPE.sub(_unescaped, shown)


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 16)
    return chr(code + 0xDC00 if found[1] and code >= 0x80 else code)


def storable(path: str) -> str:
    """Return a path as settings and files can hold it: with escapes only where it could not be stored as it is."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return printable(path)
    return path


def located(path: str) -> Path:
    """Return what a path that may have come through `storable` leads to: as it stands, or unescaped if only
    that exists.

    Raises ValueError, whose only argument is a sentence, where both exist.
    """
    given, unescaped = Path(path), Path(original(path))
    if given == unescaped or not os.path.lexists(unescaped):
        return given
    if os.path.lexists(given):
        raise ValueError(
            f"{printable(path)} may be either of two; rename the one whose name has a backslash."
        )
    return unescaped
