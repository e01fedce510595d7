"""Feature banks: the features of a split under one checkpoint, encoded once and cached on disk."""

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
from simsiam_core.data.memory import is_out_of_memory, mapped
from simsiam_core.features.encode import best_device, encode
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.files import replacing, write_if_permitted

FORMAT = "1"  # part of every cache key: increment when the same images would get different features


@dataclass(frozen=True)
class FeatureBank:
    """Features [N, d], float32 and l2-normalised, of the images `ids`; labels int64 [N] if available."""

    features: Tensor  # a memory map; do not write to it
    labels: Tensor | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    device: str = "cpu"  # device type that encoded them; encode queries on the same one

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
    """Return the feature bank of a split ("train" or "test") for a checkpoint, encoded and cached on a miss.

    Pass `dataset` and `encoder` if they are already loaded; with `device` None, a GPU is used if available.
    A damaged cache is rebuilt; if the cache is not writable, the features stay in memory. Raises ConfigError,
    CheckpointError, RunError or (for a missing split) ValueError, each with a one-sentence message.
    """
    dataset = dataset or load(run.config().data, progress)
    images, device = dataset.split(split), torch.device(device or best_device()).type
    try:
        features = _load(run, checkpoint, split, dataset, encoder, device, progress)
    except Exception as problem:
        if device == "cpu" or not is_out_of_memory(problem):
            raise
        features = None  # a training run may be using the GPU's memory: retry on the CPU
    if features is None:
        device = "cpu"
        features = _load(run, checkpoint, split, dataset, encoder, device, progress)
    return FeatureBank(features, images.labels, images.classes, images.ids, device)


def bank_path(
    run: RunDirectory, checkpoint: Checkpoint, split: str, dataset: Dataset, device: str | None = None
) -> Path:
    """Return the path of the cached features; the file exists only once it is complete.

    GPU features differ from CPU features by rounding and have their own file. `device` as in `load_bank`.
    """
    parts = [FORMAT, fingerprint(checkpoint.path), dataset.fingerprint, split]
    if (device or best_device()) != "cpu":
        parts.append(f"{device or best_device()} 32-true")
    return run.features_dir / f"{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:24]}.npy"


def _load(
    run: RunDirectory,
    checkpoint: Checkpoint,
    split: str,
    dataset: Dataset,
    encoder: Encoder | None,
    device: str,
    progress: Progress | None,
) -> Tensor:
    """Return the features from the cache, encoding and caching them on a miss."""
    images, path = dataset.split(split), bank_path(run, checkpoint, split, dataset, device)
    features = _read(path, len(images))
    if features is not None:
        return features
    kept = False
    try:
        with write_if_permitted(path.parent, "What the network makes of the images"), _locked(path.parent):
            features = _read(path, len(images))  # another process may have encoded it while this one waited
            if features is None:
                encoder = encoder or load_encoder(checkpoint.path)
                _write(path, encoder, images, device, progress)
                features = _read(path, len(images))
            kept = True
    except OSError as error:
        raise RunError(f"Cannot keep features in {path.parent}: {error.strerror or error}.") from None
    if not kept:
        features = _in_memory(encoder or load_encoder(checkpoint.path), images, device, progress)
    if features is None:
        raise RunError(f"Checkpoint {checkpoint.name} has diverged: its features are no numbers.")
    return features


def _write(path: Path, encoder: Encoder, images: ImageSet, device: str, progress: Progress | None) -> None:
    """Encode directly into a memory-mapped file under a temporary name, then rename it."""
    for abandoned in path.parent.glob(f".{path.name}.*.part"):  # left by a killed process
        abandoned.unlink()
    needed, free = 4 * encoder.dim * len(images), shutil.disk_usage(path.parent).free
    if needed > free:  # writing a memory map on a full disk kills the process instead of raising
        raise OSError(f"{needed >> 20:,} MB are needed and {free >> 20:,} MB are free")
    with replacing(path, durable=True) as temporary:
        array = open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(images), encoder.dim))
        encode(encoder, images, device, progress, out=torch.from_numpy(array))
        array.flush()


def _in_memory(encoder: Encoder, images: ImageSet, device: str, progress: Progress | None) -> Tensor | None:
    """Return the features of images, or None if any is not finite."""
    features = encode(encoder, images, device, progress)
    return features if bool(torch.isfinite(features).all()) else None


def _read(path: Path, rows: int) -> Tensor | None:
    """Return the cached features, or None if missing or damaged (checked on at most 1,000 rows to be cheap).

    Raises RunError if the file exists but cannot be mapped: it may be intact, so it is not rebuilt.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    except OSError as error:
        size = path.stat().st_size / 1e9
        raise RunError(
            f"The features in {path} ({size:.1f} GB) cannot be read: {error.strerror or error}. Where memory is "
            "short, close other programs or raise the limit of this process's address space."
        ) from None
    if array.dtype != np.float32 or array.ndim != 2 or len(array) != rows:
        return None
    norms = np.linalg.norm(array[np.linspace(0, rows - 1, min(rows, 1000), dtype=np.int64)], axis=1)
    if not np.all((np.abs(norms - 1) < 1e-3) | (norms == 0)):  # 0: a collapsed network may output zeros
        return None
    return mapped(path, array.shape, torch.float32, array.offset)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a file lock so that only one process builds at a time; it is released if the process is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
