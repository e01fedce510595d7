"""The path that a person gave for images, checked for what is there."""

from __future__ import annotations

import os
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.names import located, printable


def given_path(path: str, noun: str) -> Path:
    """Return the existing file or folder that `path` means, resolved; `noun` says what it should be.

    Raises ConfigError at data.path if there is none, or if it cannot be reached.
    """
    try:
        found = located(os.path.expanduser(path))
        if not found.exists():
            raise ConfigError.at(
                "data.path",
                f"There is no {noun} {printable(str(found))}; bring it back, or give one that exists.",
            )
        return found.resolve()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError.at("data.path", f"{printable(path)} cannot be opened: {reason}.") from None
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError.at("data.path", str(error)) from None
