"""Strict JSON files, with read errors reported in one sentence."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

MOST_BYTES = 64 * 2**20  # files of a run have a few kilobytes, results of large sweeps somewhat more


class DamagedFileError(ValueError):
    """A file that cannot be read or does not hold what it should; the message says which file and why."""


def dumps(value: Any, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    """Serialise to strict JSON: NaN and infinities, which JSON lacks, become null."""
    try:
        return json.dumps(value, indent=indent, separators=separators, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, separators=separators, allow_nan=False)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises DamagedFileError."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFileError(f"{path.name} is damaged: it is a folder or device where a file belongs.")
        if status.st_size > MOST_BYTES:
            raise DamagedFileError(f"{path.name} is damaged: it has {status.st_size >> 20:,} MB.")
        return from_json(path.read_bytes())
    except OSError as error:
        raise DamagedFileError(f"{path.name} cannot be read: {error.strerror}.") from None
    except DamagedFileError:
        raise
    except ValueError as error:  # not JSON, not UTF-8, or nested too deeply
        raise DamagedFileError(f"{path.name} is damaged: {error}.") from None


def first_problem(name: str, error: ValidationError) -> str:
    """Return the first validation error of the file `name` as a sentence."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{name} is damaged: {where + ': ' if where else ''}{first['msg'][:1].lower()}{first['msg'][1:]}."


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
