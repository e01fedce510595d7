"""Archives: a whole run as one zip file, written on one machine and restored on another.

The first member says what the file is, so that it is recognised even when it is cut short. The run's files lie
below the run's id; the manifest, the last member, holds the size and SHA-256 of each, and the files that were
links, such as `last.ckpt`. Caches (encoded images and maps) are left out: they are recomputed on demand.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import simsiam_core
from simsiam_core.names import original, printable
from simsiam_core.runs.archive_checks import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    ArchiveError,
    check_members,
    check_room,
    is_safe,
    parts_of,
)
from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.evaluations import evaluations
from simsiam_core.runs.files import replacing
from simsiam_core.runs.placement import PLACEMENT_FILE
from simsiam_core.runs.store import RUN_ID, RunStore, busy

NOTE = "simsiam-run.txt"
ABOUT = "A run of SimSiam. `simsiam import FILE` restores it, also on another machine.\n"
STORED = frozenset({".ckpt", ".pt", ".safetensors", ".gz"})  # compressed already, or nothing to gain
CHUNK = 2**20
Progress = Callable[[float, str], None]


def _silent(_share: float, _activity: str) -> None:
    pass


class _File(BaseModel):
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The content of an archive: its files with sizes and checksums, and the links among them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["simsiam-run"] = "simsiam-run"
    version: Literal[1] = 1  # of the layout of archives
    run: str
    program: str = ""
    created: float = 0.0
    files: dict[str, _File]  # by path in the run's folder
    links: dict[str, str] = {}  # from path to path
    left_out: tuple[str, ...] = ()


# --- writing ----------------------------------------------------------------------------------------


def write_archive(run: RunDirectory, out: Path, progress: Progress = _silent) -> Manifest:
    """Write a run that nothing is working on to `out`, replacing it; returns what the archive holds.

    A running run is refused, since its files would be of different steps. Raises RunError.
    """
    if reason := busy(run):
        raise RunError(reason)
    if out.is_dir():
        raise RunError(f"Cannot write the archive {out}: it is a folder; give the name of a file.")
    try:
        with _held(run), replacing(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            return _write(run, archive, progress)
    except OSError as error:
        raise RunError(f"Cannot write the archive {out}: {error.strerror or error}.") from None


def _held(run: RunDirectory) -> AbstractContextManager[object]:
    """Hold the run's lock; a folder that may only be read is archived without. Raises RunError."""
    try:
        return run.lock()
    except RunError:
        if os.access(run.path, os.W_OK):
            raise
        return nullcontext()


def _write(run: RunDirectory, archive: zipfile.ZipFile, progress: Progress) -> Manifest:
    archive.writestr(NOTE, ABOUT)
    caches = tuple(folder.name for folder in (run.features_dir, run.projections_dir))
    found = dict(sorted(_files(run.path, caches)))
    unsafe = tuple(printable(name) for name in found if not is_safe(name))
    total, done = sum(path.stat().st_size for path in found.values()) or 1, 0
    files: dict[str, _File] = {}
    links: dict[str, str] = {}
    by_inode: dict[tuple[int, int], str] = {}
    for name, path in found.items():
        if not is_safe(name):
            continue
        stat = path.stat()
        if (first := by_inode.setdefault((stat.st_dev, stat.st_ino), name)) != name:
            links[name] = first
            continue
        progress(done / total, f"Archiving {name}")
        method = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
        member = zipfile.ZipInfo(f"{run.id}/{name}", time.localtime()[:6])
        member.compress_type, member.external_attr = method, 0o100644 << 16
        with path.open("rb") as source, archive.open(member, "w", force_zip64=True) as sink:
            files[name] = _copy(source, sink)
        done += stat.st_size
    manifest = Manifest(
        run=run.id,
        program=simsiam_core.__version__,
        created=time.time(),
        files=files,
        links=links,
        left_out=(*caches, *unsafe),
    )
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1), zipfile.ZIP_DEFLATED)
    return manifest


def _files(folder: Path, left_out: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield the run's files by relative path, without hidden ones (locks, and what is still being written) and
    without where it runs, which means nothing on another machine.
    """
    for top in folder.iterdir():
        if top.name.startswith(".") or top.name in left_out:
            continue
        below = [Path(parent, name) for parent, _, names in os.walk(top) for name in names]
        for path in below if top.is_dir() else [top]:
            name = path.relative_to(folder).as_posix()
            if path.is_file() and "/." not in name and path.name != PLACEMENT_FILE:
                yield name, path


def _copy(source: IO[bytes], sink: IO[bytes]) -> _File:
    """Copy a stream; returns its size and checksum."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        sink.write(chunk)
    return _File(size=size, sha256=digest.hexdigest())


# --- restoring --------------------------------------------------------------------------------------


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive of a run, by its first bytes: also one that is cut short."""
    try:
        with path.open("rb") as file:
            head = file.read(30 + len(NOTE))
    except OSError:
        return False
    return head.startswith(b"PK\x03\x04") and head[30:] == NOTE.encode()


def restore_archive(path: Path, store: RunStore, progress: Progress = _silent) -> RunDirectory:
    """Restore an archived run under its id. Nothing is left behind unless all of it arrived unchanged.

    A run that waited in a queue becomes `paused`, and an evaluation that waited `stopped`: nothing starts by
    itself. Raises RunError for a file that is damaged, leaves the folder, or holds a run that exists already.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _restore(archive, path, store, progress)
    except ArchiveError as error:
        raise RunError(f"The archive {path.name} is refused: {error}.") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError):
        raise RunError(f"The archive {path.name} is cut short or damaged; copy it here again.") from None
    except OSError as error:
        raise RunError(f"Cannot restore {path.name}: {error.strerror or error}.") from None


def missing_images(run: RunDirectory) -> str:
    """Return a sentence if the folder of the run's images is not on this machine; empty otherwise.

    Raises RunError if its config cannot be read.
    """
    folder = run.config().data.path
    if not folder or os.path.lexists(folder) or os.path.lexists(original(folder)):
        return ""
    return (
        f"Its images were in {folder}, which is not here; what was measured can be read, but neighbours among "
        "them, maps and further training need them there."
    )


def _restore(archive: zipfile.ZipFile, path: Path, store: RunStore, progress: Progress) -> RunDirectory:
    manifest = _manifest(archive)
    members = check_members(archive, manifest.run, set(manifest.files), manifest.links, NOTE)
    _check_new(store, manifest.run)
    check_room(archive, path, store.path)
    store.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=store.path, prefix=".restoring-", ignore_cleanup_errors=True
    ) as folder:
        made = RunDirectory(Path(folder) / manifest.run)
        made.path.mkdir()
        total, done = sum(member.file_size for member in members.values()) or 1, 0
        for name, member in members.items():
            progress(done / total, f"Restoring {name}")
            _extract(archive, member, made.path.joinpath(*parts_of(name)), manifest.files[name])
            done += member.file_size
        for name, target in manifest.links.items():
            _link(made.path.joinpath(*parts_of(target)), made.path.joinpath(*parts_of(name)))
        made.checkpoints_dir.mkdir(exist_ok=True)
        _let_nothing_start(made)
        _check_new(store, manifest.run)
        made.path.rename(store.path / manifest.run)
    return store.get(manifest.run)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
            raise ArchiveError("its manifest is too large")
        manifest = Manifest.model_validate_json(archive.read(MANIFEST))
    except KeyError:
        raise ArchiveError("it has no manifest, so it was not written by `runs archive`") from None
    except (ValidationError, RuntimeError) as error:
        other = isinstance(error, ValidationError) and any(e["loc"] == ("version",) for e in error.errors())
        reason = "another version of the program wrote it" if other else "its manifest is damaged"
        raise ArchiveError(reason) from None
    if not RUN_ID.fullmatch(manifest.run):
        raise ArchiveError("it names no run")
    return manifest


def _check_new(store: RunStore, run_id: str) -> None:
    """Raise RunError if there is a run of that id, here or in the trash."""
    if os.path.lexists(store.path / run_id):
        raise RunError(
            f"Run {run_id} is in {store.path} already; delete it first, or give another --save-dir."
        )
    if any(run.id == run_id for run in store.trashed()):
        raise RunError(
            f"Run {run_id} is in the trash of {store.path}; 'runs restore {run_id}' brings it back."
        )


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, expected: _File) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(member) as source, target.open("xb") as sink:
            found = _copy(source, sink)
    except RuntimeError:  # a password
        raise ArchiveError(f"{member.filename!r} in it is encrypted") from None
    except zlib.error:
        raise zipfile.BadZipFile(member.filename) from None
    if found != expected:
        raise zipfile.BadZipFile(member.filename)


def _link(target: Path, name: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(target, name)
    except OSError:  # a file system without hard links
        shutil.copyfile(target, name)


def _let_nothing_start(run: RunDirectory) -> None:
    """Take a restored run and its evaluations out of the queue they waited in on the other machine."""
    if run.status().state == "queued":
        run.update_status(state="paused")
    for job in evaluations(run):
        if job.status().state == "queued":
            error = "It waited in a queue when the run was archived; measure again."
            job.update_status(state="stopped", error=error)
