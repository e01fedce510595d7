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
from simsiam_core.data.memory import is_out_of_memory, mapped
from simsiam_core.features.encode import best_device, encode
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.files import replacing, write_if_permitted

FORMAT = "1"  # part of every key: raise it when the same images would get other features


@dataclass(frozen=True)
class FeatureBank:
    """Features [N, d], float32 and l2-normalised, of the images `ids`; labels int64 [N] if there are any."""

    features: Tensor  # a memory map that must not be written to
    labels: Tensor | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    device: str = "cpu"  # the kind that encoded them, and that queries are to be encoded on

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
    """Return the bank of one split ("train" or "test") for one checkpoint, from the run's cache or encoded into it.

    `dataset` and `encoder` spare their loading where the caller has them; `device` None takes a GPU if there
    is one. A damaged cache is built again; where it may not be written, the features stay in memory. Raises
    ConfigError, CheckpointError, RunError or (for a split that is not there) ValueError: one sentence each.
    """
    dataset = dataset or load(run.config().data, progress)
    images, device = dataset.split(split), torch.device(device or best_device()).type
    try:
        features = _load(run, checkpoint, split, dataset, encoder, device, progress)
    except Exception as problem:
        if device == "cpu" or not is_out_of_memory(problem):
            raise
        features = None  # a training run may have filled the GPU
    if features is None:
        device = "cpu"
        features = _load(run, checkpoint, split, dataset, encoder, device, progress)
    return FeatureBank(features, images.labels, images.classes, images.ids, device)


def bank_path(
    run: RunDirectory, checkpoint: Checkpoint, split: str, dataset: Dataset, device: str | None = None
) -> Path:
    """Return where the features are kept; the file is there once they are complete.

    Features of a GPU differ from a CPU's by rounding and have a file of their own. `device` as in `load_bank`.
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
    """Return the features from the cache, or encoded into it."""
    images, path = dataset.split(split), bank_path(run, checkpoint, split, dataset, device)
    features = _read(path, len(images))
    if features is not None:
        return features
    kept = False
    try:
        with write_if_permitted(path.parent, "What the network makes of the images"), _locked(path.parent):
            features = _read(path, len(images))  # another process may have encoded it meanwhile
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
    """Encode straight into a memory-mapped file under a temporary name, then rename it."""
    for abandoned in path.parent.glob(f".{path.name}.*.part"):  # by a process killed meanwhile
        abandoned.unlink()
    needed, free = 4 * encoder.dim * len(images), shutil.disk_usage(path.parent).free
    if needed > free:  # a memory map on a full disk ends the process instead of raising
        raise OSError(f"{needed >> 20:,} MB are needed and {free >> 20:,} MB are free")
    with replacing(path, durable=True) as temporary:
        array = open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(images), encoder.dim))
        encode(encoder, images, device, progress, out=torch.from_numpy(array))
        array.flush()


def _in_memory(encoder: Encoder, images: ImageSet, device: str, progress: Progress | None) -> Tensor | None:
    """Return the features of images, or None if they are no numbers."""
    features = encode(encoder, images, device, progress)
    return features if bool(torch.isfinite(features).all()) else None


def _read(path: Path, rows: int) -> Tensor | None:
    """Return the cached features, or None if they are absent or damaged (checked on a thousand rows, cheaply).

    Raises RunError where the file is there and cannot be mapped: it may be sound, and is not to be built again.
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
    if not np.all((np.abs(norms - 1) < 1e-3) | (norms == 0)):  # 0: a collapsed network may output nothing
        return None
    return mapped(path, array.shape, torch.float32, array.offset)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock so that one process at a time builds; a killed one releases it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
