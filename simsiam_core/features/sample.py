"""A stratified sample of a bank and the nearest neighbours of each of its points: what maps and checks rest on.

Which images are taken depends on the data and the size alone, so two checkpoints are asked about the same
ones. What is costly is kept under the run's `projections/`; deleting that loses nothing.
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

FORMAT = "2"  # part of every key: raise it when the same inputs would give something else
LEAST_ON_MAP = 4  # images; fewer have no axes to be laid out on
TABLE = 32  # neighbours kept of each point, unless more are asked for
AT_ONCE = 1024  # points whose neighbours are sought between two progress reports
_recent: loaded.LRUCache[Sample] = loaded.LRUCache(4)


@dataclass(frozen=True, eq=False)
class Sample:
    """N rows of a bank. `key` names the checkpoint, the data and the size; `folder` is where caches lie."""

    bank: FeatureBank
    rows: Tensor  # int64 [N], ascending
    key: str
    folder: Path

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def features(self) -> Tensor:
        """float32 [N, d], copied out of the memory map."""
        return self.bank.features if len(self) == len(self.bank) else self.bank.features[self.rows]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Of the images, in the order of the rows."""
        return tuple(self.bank.ids[row] for row in self.rows.tolist())

    @cached_property
    def position(self) -> dict[str, int]:
        """Where each id stands in `ids`."""
        return {image_id: row for row, image_id in enumerate(self.ids)}

    @cached_property
    def labels(self) -> Tensor | None:
        """int64 [N], if there are any."""
        return None if self.bank.labels is None else self.bank.labels[self.rows]

    @cached_property
    def unseen(self) -> int:
        """How many classes have images in the bank and none in the sample."""
        if self.labels is None or self.bank.labels is None:
            return 0
        return len(self.bank.labels.unique()) - len(self.labels.unique())

    def known_neighbours(self, k: int) -> tuple[Tensor, Tensor] | None:
        """Return what `neighbours` returns, if it is cached."""
        stored = load_arrays(self._table(k))
        if stored is None or stored["rows"].shape[0] != len(self):
            return None
        return torch.from_numpy(stored["similarities"])[:, :k], torch.from_numpy(stored["rows"])[:, :k].long()

    def neighbours(self, k: int, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
        """Return the k nearest of each point within the sample, itself not among them, exact.

        Similarities float32 [N, k], the highest first, and positions in the sample int64 [N, k].
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
    """Return `size` images of a split, stratified over classes, as a checkpoint encodes them; or all there are.

    Each class has one in it where `size` allows. Raises ConfigError where there are fewer than `least`.
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

    One with so many duplicates that it is not among its own neighbours loses the last of them.
    """
    own = rows == torch.arange(start, start + len(rows))[:, None]
    own[~own.any(dim=1), -1] = True
    return similarities[~own].view(len(rows), -1), rows[~own].view(len(rows), -1)


def hash_of(*parts: object) -> str:
    """Return a short name for a cache file."""
    joined = "|".join(str(part) for part in parts)
    return hashlib.sha256(joined.encode(errors="surrogateescape")).hexdigest()[:24]


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return what `save_arrays` wrote, or None where that is absent or damaged."""
    try:
        with np.load(path) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Named arrays in one file, which appears when it is complete; not kept where that is not permitted."""
    with write_if_permitted(path.parent, "What a map is drawn from"):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its options
