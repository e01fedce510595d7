"""Feature banks: a split as one checkpoint encodes it, kept on disk, never encoded twice."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from simsiam_core.data import Dataset, ImageSet, Progress, load
from simsiam_core.features.encode import best_device, encode
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.files import kept_if_permitted, replacing

FORMAT = "1"  # part of every key: raise it when the same images would get other features


@dataclass(frozen=True)
class FeatureBank:
    """Features [N, d], float32 and l2-normalised, of the images `ids`; labels int64 [N] if there are any."""

    features: Tensor  # a memory map; writing to it does not reach the file
    labels: Tensor | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def load_bank(
    run: RunDirectory,
    checkpoint: Checkpoint,
    split: str,
    progress: Progress | None = None,
    *,
    dataset: Dataset | None = None,
    encoder: Encoder | None = None,
    device: str | None = None,
) -> FeatureBank:
    """The bank of one split ("train" or "test") for one checkpoint, from the run's cache or encoded into it.

    `dataset` and `encoder` spare their loading where the caller has them; `device` None takes a GPU if there
    is one. A damaged cache is built again; where it may not be written, the features stay in memory. Raises
    ConfigError, CheckpointError, RunError or (for a split that is not there) ValueError: one sentence each.
    """
    dataset = dataset or load(run.config().data, progress)
    images = dataset.split(split)
    path = bank_path(run, checkpoint, split, dataset)
    features, kept = _read(path, len(images)), True
    if features is None:
        kept = False
        try:
            with kept_if_permitted(path.parent, "What the network makes of the images"), _locked(path.parent):
                features = _read(path, len(images))  # another process may have encoded it meanwhile
                if features is None:
                    encoder = encoder or load_encoder(checkpoint.path)
                    _write(path, encoder, images, device or best_device(), progress)
                    features = _read(path, len(images))
                kept = True
        except OSError as error:
            raise RunError(f"Cannot keep features in {path.parent}: {error.strerror or error}.") from None
    if features is None and not kept:
        features = _in_memory(encoder or load_encoder(checkpoint.path), images, device, progress)
    if features is None:
        raise RunError(f"Checkpoint {checkpoint.name} has diverged: its features are no numbers.")
    return FeatureBank(features, images.labels, images.classes, images.ids)


def bank_path(run: RunDirectory, checkpoint: Checkpoint, split: str, dataset: Dataset) -> Path:
    """Where the features are kept; the file is there once they are complete."""
    key = "|".join((FORMAT, fingerprint(checkpoint.path), dataset.fingerprint, split))
    return run.features_dir / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"


def _write(path: Path, encoder: Encoder, images: ImageSet, device: str, progress: Progress | None) -> None:
    """Encode straight into a memory-mapped file under a temporary name, then rename it."""
    for abandoned in path.parent.glob(f".{path.name}.*.part"):  # by a process killed meanwhile
        abandoned.unlink()
    needed, free = 4 * encoder.dim * len(images), shutil.disk_usage(path.parent).free
    if needed > free:  # a memory map on a full disk ends the process instead of raising
        raise OSError(f"{needed >> 20:,} MB are needed and {free >> 20:,} MB are free")
    with replacing(path, durable=True) as temporary:
        array = open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(images), encoder.dim))
        try:
            encode(encoder, images, device, progress, out=torch.from_numpy(array))
        except torch.OutOfMemoryError:  # a training run may have filled the GPU
            encode(encoder, images, "cpu", progress, out=torch.from_numpy(array))
        array.flush()


def _in_memory(
    encoder: Encoder, images: ImageSet, device: str | None, progress: Progress | None
) -> Tensor | None:
    """The features of images, or None if they are no numbers."""
    features = encode(encoder, images, device or best_device(), progress)
    return features if bool(torch.isfinite(features).all()) else None


def _read(path: Path, rows: int) -> Tensor | None:
    """The cached features, or None if they are absent or damaged (checked on a thousand rows, cheaply)."""
    try:
        array = np.load(path, mmap_mode="c")  # copy-on-write: torch warns of read-only arrays
    except (OSError, ValueError, EOFError):
        return None
    if array.dtype != np.float32 or array.ndim != 2 or len(array) != rows:
        return None
    norms = np.linalg.norm(array[np.linspace(0, rows - 1, min(rows, 1000), dtype=np.int64)], axis=1)
    if not np.all((np.abs(norms - 1) < 1e-3) | (norms == 0)):  # 0: a collapsed network may output nothing
        return None
    return torch.from_numpy(array)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One builder at a time, over processes; a killed one lets go by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
