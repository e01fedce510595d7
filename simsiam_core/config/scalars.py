"""Type of an unquoted value: the same rule for YAML files, flags, sweeps and `--set`."""

from __future__ import annotations

import re

# The core schema of YAML 1.2 (section 10.3.2), where `yes`, `1:30`, `1_000` and dates are text. One exception:
# a number with a leading zero, such as 010, is octal in YAML 1.1 and decimal in YAML 1.2, so here it is text.
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST = 100  # digits of a whole number; Python refuses to parse several thousand

Scalar = None | bool | int | float | str


def scalar(text: str) -> Scalar:
    """Parse a plain scalar: null, a boolean, a number, or else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST:
        if _INTEGER.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _SPECIAL.fullmatch(text):
            return float(text.replace(".", ""))
    return text


def hint(text: str) -> str:
    """Return how to write a text that was meant as a number or boolean; empty if there is no advice."""
    bare = text.strip()
    if bare != text:
        return "without spaces around it" if bare else ""
    if re.fullmatch(r"[-+]?0[0-9]+", bare):
        return f"write it without leading zeros, as {bare.lstrip('+-0') or '0'}"
    if "_" in bare or "," in bare:
        plain = bare.replace("_", "").replace(",", "")
        return f"write it as {plain}" if isinstance(scalar(plain), int | float) else ""
    return "write it without quotes" if isinstance(scalar(bare), int | float) else ""
