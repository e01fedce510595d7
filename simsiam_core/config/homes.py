"""Cache and home folders for users without a writable home, as in containers and on clusters."""

from __future__ import annotations

import os
import pwd
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from simsiam_core.config.problems import ConfigError

NAME = "simsiam-dashboard"
ADVICE = "Set SIMSIAM_CACHE to a folder that can be written"
# Variables for the caches of libraries, all of them disposable, and our subfolder for each.
LIBRARIES = {
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "HF_HOME": "huggingface",
}


def standard_cache() -> Path:
    """Return `$XDG_CACHE_HOME/simsiam-dashboard`, or below ~/.cache; a temporary folder if neither is usable.

    An existing folder is used even if it is read-only. Raises ConfigError if nothing can be written.
    """
    place, reason = _standard()
    if place is None:
        place = _temporary(reason)
        _say(place, reason)
    return place


def _standard() -> tuple[Path | None, str]:
    """Return the standard cache folder, or None and the reason why there is none."""
    home = _home()
    at_home = home / ".cache" / NAME if home else None
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # An existing folder in ~/.cache keeps being used, with what was downloaded there.
    if chosen.startswith("/") and not (at_home and at_home.is_dir()):
        at_home = Path(chosen) / NAME
    if at_home and (os.path.isdir(at_home) or _writable(at_home)):
        return at_home, ""
    return None, f"{at_home} cannot be written" if at_home else "this user has no home folder"


def scratch_dir(wanted: Path) -> Path:
    """Return `wanted`, or a temporary folder if that is not writable: for data that is cheap to recreate.

    Raises ConfigError.
    """
    return wanted if _writable(wanted) else _temporary(f"{wanted} cannot be written")


def prepare_home() -> None:
    """Set variables by which libraries find a user and a home if this user has none; they raise otherwise.

    To be called when a process starts; its child processes inherit them. Raises ConfigError.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # a user id without an entry in the user database
        if not any(map(os.environ.get, ("LOGNAME", "USER", "LNAME", "USERNAME"))):
            os.environ["LOGNAME"] = f"user-{os.getuid()}"
    home = _home()
    if home is not None and _writable(home / ".cache"):
        return
    scratch = _temporary("no home folder can be written")
    for variable, folder in LIBRARIES.items():
        os.environ.setdefault(variable, str(scratch / folder))
    if home is None:
        os.environ["HOME"] = str(scratch)


def _home() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor an entry for this user
        return None
    return home if home.is_absolute() else None


def _writable(folder: Path) -> bool:
    """Return whether files can be written to a folder, once it is created."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _temporary(reason: str) -> Path:
    """Return this user's own folder among the temporary files. Raises ConfigError."""
    try:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):  # put there by another user
            folder = _own()
    except OSError as error:
        raise ConfigError.at(
            "", f"There is no folder for caches: {reason}, and {error.strerror or error}. {ADVICE}."
        ) from None
    return folder


@lru_cache(maxsize=1)
def _own() -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))


@lru_cache(maxsize=8)
def _say(folder: Path, reason: str) -> None:
    print(f"Caches go to {folder}, since {reason}. {ADVICE} to keep them.", file=sys.stderr, flush=True)
