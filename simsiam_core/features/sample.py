"""Stratified sample of a feature bank and its neighbour table, the basis of maps and data checks.

The choice of images depends only on the data and the size, so that checkpoints are compared on the same
images. Expensive results are cached under the run's `projections/`, which can be deleted safely.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from simsiam_core.config import ConfigError
from simsiam_core.data import Progress
from simsiam_core.data.image_set import stratified
from simsiam_core.features import loaded
from simsiam_core.features.bank import FeatureBank
from simsiam_core.features.neighbours import search, sort_by_similarity
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.files import replacing, write_if_permitted

FORMAT = "2"  # part of every cache key: increment when the same inputs would give different results
LEAST_ON_MAP = 4  # images; fewer have too few principal axes for a map
TABLE = 32  # neighbours stored per point, unless more are requested
AT_ONCE = 1024  # points searched between two progress reports
_recent: loaded.LRUCache[Sample] = loaded.LRUCache(4)


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample of N rows of a bank. `key` identifies checkpoint, data and size; `folder` holds the caches."""

    bank: FeatureBank
    rows: Tensor  # int64 [N], ascending
    key: str
    folder: Path

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def features(self) -> Tensor:
        """Features, float32 [N, d]; the bank's own memory map if the sample is the whole bank."""
        return self.bank.features if len(self) == len(self.bank) else self.bank.features[self.rows]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Image ids, in row order."""
        return tuple(self.bank.ids[row] for row in self.rows.tolist())

    @cached_property
    def position(self) -> dict[str, int]:
        """Index of each id in `ids`."""
        return {image_id: row for row, image_id in enumerate(self.ids)}

    @cached_property
    def labels(self) -> Tensor | None:
        """Labels, int64 [N], if available."""
        return None if self.bank.labels is None else self.bank.labels[self.rows]

    @cached_property
    def unseen(self) -> int:
        """Number of classes with images in the bank but none in the sample."""
        if self.labels is None or self.bank.labels is None:
            return 0
        return len(self.bank.labels.unique()) - len(self.labels.unique())

    def known_neighbours(self, k: int) -> tuple[Tensor, Tensor] | None:
        """Return the result of `neighbours` if it is cached, else None."""
        stored = load_arrays(self._table(k))
        if stored is None or stored["rows"].shape[0] != len(self):
            return None
        return torch.from_numpy(stored["similarities"])[:, :k], torch.from_numpy(stored["rows"])[:, :k].long()

    def neighbours(self, k: int, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
        """Return the exact k nearest neighbours of each point within the sample, itself excluded.

        Similarities float32 [N, k], highest first, and positions in the sample int64 [N, k].
        """
        k = min(k, len(self) - 1)
        if (known := self.known_neighbours(k)) is not None:
            return known
        wanted = min(max(k, TABLE), len(self) - 1)
        similarities, rows = torch.empty(len(self), wanted), torch.empty(len(self), wanted, dtype=torch.int64)
        for start in range(0, len(self), AT_ONCE):
            if progress is not None:
                progress(start / len(self), f"Finding neighbours: {start:,} of {len(self):,} points")
            some = self.features[start : start + AT_ONCE]
            found, where = sort_by_similarity(*search(some, self.features, wanted + 1))
            found, where = without_self(found, where, start)
            similarities[start : start + len(some)], rows[start : start + len(some)] = found, where
        save_arrays(self._table(k), similarities=similarities.numpy(), rows=rows.int().numpy())
        return similarities[:, :k], rows[:, :k]

    def _table(self, k: int) -> Path:
        return self.folder / f"{self.key}-neighbours{max(min(k, len(self) - 1), TABLE)}.npz"


def sampled(
    run: RunDirectory,
    checkpoint: str,
    split: str,
    size: int,
    progress: Progress | None = None,
    *,
    least: int = LEAST_ON_MAP,
) -> Sample:
    """Return a sample of `size` images of a split under a checkpoint, stratified by class; or all if fewer.

    Each class has at least one image if `size` allows. Raises ConfigError for fewer than `least` images.
    """
    found = run.checkpoint(checkpoint)
    bank = loaded.bank(run, found, split, progress)
    if len(bank) < least:
        raise ConfigError.at("split", f"It takes at least {least} images; there are {len(bank)}.")
    key = hash_of(FORMAT, *loaded.identity(found), loaded.split_fingerprint(run, split), split, str(size))

    def make() -> Sample:
        rows = torch.arange(len(bank))
        if size < len(bank):
            labels = torch.zeros(len(bank), dtype=torch.int64) if bank.labels is None else bank.labels
            rows = stratified(labels, size)
        return Sample(bank, rows, key, run.projections_dir)

    return _recent.get((run.path, key), make)


def without_self(similarities: Tensor, rows: Tensor, start: int = 0) -> tuple[Tensor, Tensor]:
    """Drop each query from its own neighbours [Q, k + 1], where query i is row start + i; k remain.

    A query missing from its own neighbours, because it has many duplicates, loses the last neighbour instead.
    """
    own = rows == torch.arange(start, start + len(rows))[:, None]
    own[~own.any(dim=1), -1] = True
    return similarities[~own].view(len(rows), -1), rows[~own].view(len(rows), -1)


def hash_of(*parts: object) -> str:
    """Return a short hash of the parts, used to name cache files."""
    joined = "|".join(str(part) for part in parts)
    return hashlib.sha256(joined.encode(errors="surrogateescape")).hexdigest()[:24]


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays written by `save_arrays`, or None if the file is missing or damaged."""
    try:
        with np.load(path) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays to one file atomically; skipped if the folder is not writable."""
    with write_if_permitted(path.parent, "What a map is drawn from"):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for options
