"""The file of a lock: created at once with its owner's identity, judged, and removed when the owner is dead."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import time

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.runs.processes import machine_id, process_alive

RENEW_SECONDS = 5.0
# An owner on another machine that has not renewed its lock for so long, by its clock, is watched for a change.
DOUBT_SECONDS = 60.0
WATCH_SECONDS = 3 * RENEW_SECONDS
BURIAL_SECONDS = 30.0  # after which the removal of a dead owner's lock counts as given up
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class MissingLockError(RuntimeError):
    """There is no lock file."""


class Owner(BaseModel):
    """The content of a lock file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: str  # of one acquisition
    pid: int
    pid_started: float
    boot: str  # of the machine and container in which the pid is valid
    host: str
    job: str = ""  # of SLURM: its restart owns what was left by an earlier start
    folder: int = 0  # inode of the folder: a copied lock locks nothing
    renewed: float = 0.0
    about: str = ""


def is_here(owner: Owner) -> bool:
    """Return whether an owner's process, if it lives, is in the process table of this machine."""
    return owner.boot == machine_id() and bool(owner.boot or owner.host == socket.gethostname())


def is_held(found: Owner | None, owner: Owner, name: str, folder: int) -> bool:
    """Return whether the lock that is there is a living one. Watches it for a while if that is in doubt."""
    if found is None:
        return held_by_earlier_version(name, folder)
    if found.folder != owner.folder:
        return False
    if is_here(found):
        return process_alive(found.pid, found.pid_started)
    if found.job and found.job == owner.job:
        return False
    if abs(time.time() - found.renewed) < DOUBT_SECONDS:
        return True
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(RENEW_SECONDS / 10)
        try:
            if read(name, folder) != found:
                return True  # renewed, or taken by another
        except MissingLockError:
            return False
    return False


def create(name: str, owner: Owner, folder: int) -> bool:
    """Create the lock with its whole content, unless it is there; return whether it was created."""
    temporary = written(name, owner, folder)
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _create_without_links(name, owner, folder)
    finally:
        os.unlink(temporary, dir_fd=folder)
    return True


def _create_without_links(name: str, owner: Owner, folder: int) -> bool:
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    except FileExistsError:
        return False
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(owner.model_dump_json())
    return True


def written(name: str, owner: Owner, folder: int) -> str:
    """Write the content to a temporary file of the folder; return its name."""
    temporary = f".{name.lstrip('.')}.{secrets.token_hex(4)}.part"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(owner.model_dump_json())
    return temporary


def read(name: str, folder: int) -> Owner | None:
    """Return the owner of a lock, or None for a file of an earlier version or a damaged one.

    Raises MissingLockError.
    """
    for _ in range(20):  # without hard links, it is empty for a moment
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            raise MissingLockError from None
        with open(descriptor, encoding="utf-8", errors="replace") as file:
            text, age = file.read(), time.time() - os.fstat(descriptor).st_mtime
        if text or not 0 <= age < 1.0:
            break
        time.sleep(0.05)
    try:
        return Owner.model_validate_json(text)
    except ValidationError:
        return None


def bury(name: str, found: Owner | None, folder: int) -> bool:
    """Remove the lock of a dead owner; return False while another process does so.

    Only who has created a second file, named after that owner, may remove the lock: else two that found it dead
    could each remove the lock that the other has just taken.
    """
    grave = f"{name}.{found.token if found else 'earlier'}"
    try:
        os.close(os.open(grave, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder))
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.stat(grave, dir_fd=folder).st_mtime > BURIAL_SECONDS:  # it died meanwhile
                os.unlink(grave, dir_fd=folder)
        return False
    try:
        with contextlib.suppress(MissingLockError):
            if read(name, folder) == found:
                os.unlink(name, dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(grave, dir_fd=folder)
    return True


def held_by_earlier_version(name: str, folder: int) -> bool:
    """Return whether a process of version 0.1 holds the lock: by `flock`, on a file that it leaves behind."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without flock
        return False
    finally:
        os.close(descriptor)
    return False
