"""Disk usage of runs, and how to free space: caches, old checkpoints, the trash.

Checkpoints and caches are hard-linked (`last.ckpt` is a link to the newest one), so a file counts once for
all its names, and deleting one of two names frees nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.config.cache import cache_dir
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs.directory import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.evaluations import results
from simsiam_core.runs.store import RunStore, busy


@dataclass(frozen=True)
class Usage:
    """Disk usage of one run in bytes, by purpose."""

    checkpoints: int
    caches: int  # features and maps, recomputed on demand
    records: int  # log and metrics
    other: int

    @property
    def total(self) -> int:
        """The total in bytes."""
        return self.checkpoints + self.caches + self.records + self.other


def usage(run: RunDirectory) -> Usage:
    """Return the disk usage of one run."""
    seen: set[tuple[int, int]] = set()
    checkpoints = _bytes(_files(run.checkpoints_dir), seen)
    caches = _bytes(_cached(run), seen)
    records = _bytes((run.log_path, run.metrics_path), seen)
    return Usage(checkpoints, caches, records, _bytes(_files(run.path), seen))


def trash_usage(store: RunStore) -> int:
    """Return the size of the trash in bytes."""
    return _bytes(path for run in store.trashed() for path in _files(run.path))


def shared_cache_usage() -> int:
    """Return the size in bytes of the cache shared by all runs: downloads, decoded images, uploads."""
    return _bytes(_files(cache_dir()))


def size(count: int) -> str:
    """Format a number of bytes: `340 bytes`, `12.3 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count} bytes"


def counted(number: int, noun: str) -> str:
    """Return `1 run` or `3 runs`."""
    return f"{number} {noun}{'s' * (number != 1)}"


# --- old checkpoints --------------------------------------------------------------------------------


def dispensable(run: RunDirectory, keep_every: int | None = None) -> list[Checkpoint]:
    """Return the numbered checkpoints except the first, the last, the best by kNN accuracy and every n-th.

    Those that a trained classifier takes its features from are kept as well.
    """
    numbered = [checkpoint for checkpoint in run.checkpoints() if checkpoint.epoch is not None]
    kept = {0, len(numbered) - 1, *range(0, len(numbered), keep_every or max(1, len(numbered)))}
    best, needed = _best(run, numbered), _needed(run)
    return [
        checkpoint
        for index, checkpoint in enumerate(numbered)
        if index not in kept and checkpoint is not best and checkpoint.epoch not in needed
    ]


def _needed(run: RunDirectory) -> set[int]:
    """Return the epochs of the checkpoints that kept classifiers without a backbone of their own rest on."""
    return {
        result["epoch"]
        for result in results(run)[0]
        if (kept := result.get("classifier")) and not kept.get("backbone")
    }


def _best(run: RunDirectory, checkpoints: list[Checkpoint]) -> Checkpoint | None:
    """Return the checkpoint with the highest kNN accuracy at its step; None if none was measured."""
    measured = {line["step"]: line[KNN_ACCURACY] for line in run.metrics() if KNN_ACCURACY in line}
    found = [
        (measured[header.step], c) for c in checkpoints if (header := c.header()) and header.step in measured
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def freed_by_thinning(run: RunDirectory, keep_every: int | None = None) -> int:
    """Return the bytes that `thin` would free."""
    return _freed(checkpoint.path for checkpoint in dispensable(run, keep_every))


def thin(run: RunDirectory, keep_every: int | None = None) -> int:
    """Delete the `dispensable` checkpoints; returns the bytes freed. Raises RunError if the run is in use."""
    with _idle(run):
        paths = [checkpoint.path for checkpoint in dispensable(run, keep_every)]
        freed = _freed(paths)
        for path in paths:
            path.unlink(missing_ok=True)
    return freed


# --- caches and trash -------------------------------------------------------------------------------


def freed_by_cleaning(run: RunDirectory) -> int:
    """Return the bytes that `clean` would free."""
    return _freed(_cached(run))


def clean(run: RunDirectory) -> int:
    """Delete cached features and maps; returns the bytes freed. Raises RunError while the run is in use."""
    with _idle(run):
        freed = freed_by_cleaning(run)
        for folder in (run.features_dir, run.projections_dir):
            if folder.is_dir():
                shutil.rmtree(folder)
    return freed


@contextmanager
def _idle(run: RunDirectory) -> Iterator[None]:
    """Hold the lock of an idle run. Raises RunError if it is in use."""
    if reason := busy(run):
        raise RunError(reason)
    with run.lock():
        try:
            yield
        except OSError as error:
            raise RunError(f"Something of run {run.id} cannot be deleted: {error.strerror}.") from None


# --- files ------------------------------------------------------------------------------------------


def _cached(run: RunDirectory) -> Iterator[Path]:
    yield from _files(run.features_dir)
    yield from _files(run.projections_dir)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _bytes(paths: Iterable[Path], seen: set[tuple[int, int]] | None = None) -> int:
    """Return the disk usage of files, by inode and without following links; skips inodes in `seen` and adds
    to it.
    """
    seen, total = set() if seen is None else seen, 0
    for path in paths:
        with suppress(OSError):  # deleted in the meantime
            stat = path.lstat()
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                total += stat.st_blocks * 512
    return total


def _freed(paths: Iterable[Path]) -> int:
    """Return the bytes freed by deleting these names: none for a file that keeps another name."""
    names: dict[tuple[int, int], int] = {}
    total = 0
    for path in paths:
        with suppress(OSError):
            stat = path.lstat()
            key = (stat.st_dev, stat.st_ino)
            names[key] = names.get(key, 0) + 1
            if names[key] == stat.st_nlink:
                total += stat.st_blocks * 512
    return total
