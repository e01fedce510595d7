"""Where things are kept for a user without a home that can be written to, as in containers and on clusters."""

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
# What libraries keep for themselves, all of it disposable, and the folder of ours that each gets.
LIBRARIES = {
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "HF_HOME": "huggingface",
}


def standard_cache() -> Path:
    """Return `$XDG_CACHE_HOME/simsiam-dashboard`, or below ~/.cache; for temporary files where neither can be.

    One that is there already is used though it can only be read. Raises ConfigError where nothing can be written.
    """
    place, reason = _standard()
    if place is None:
        place = _temporary(reason)
        _say(place, reason)
    return place


def _standard() -> tuple[Path | None, str]:
    """Return the standard place, or None and why there is none."""
    home = _home()
    at_home = home / ".cache" / NAME if home else None
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if chosen.startswith("/") and not (
        at_home and at_home.is_dir()
    ):  # what was downloaded there stays in use
        at_home = Path(chosen) / NAME
    if at_home and (os.path.isdir(at_home) or _writable(at_home)):
        return at_home, ""
    return None, f"{at_home} cannot be written" if at_home else "this user has no home folder"


def scratch_dir(wanted: Path) -> Path:
    """Return `wanted`, or where that cannot be written a folder for temporary files: for what is made again at no cost.

    Raises ConfigError.
    """
    return wanted if _writable(wanted) else _temporary(f"{wanted} cannot be written")


def prepare_home() -> None:
    """Have libraries find a user and a home where this one has none; they raise otherwise, each in its own way.

    For the start of a process; what it starts inherits it. Raises ConfigError.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # a number that no file of users knows
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
    """Return whether files can be written there, once it is made."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _temporary(reason: str) -> Path:
    """Return a folder of this user's own among the temporary files. Raises ConfigError."""
    try:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):  # put there by somebody else
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
