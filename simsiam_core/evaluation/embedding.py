"""Features of any images as a file: encoded block by block, resumed where an earlier attempt was interrupted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from simsiam_core.config import ConfigError
from simsiam_core.data import ImageSet, Progress
from simsiam_core.data.left_out import LeftOut
from simsiam_core.evaluation.export import exporter_of, unwritable
from simsiam_core.evaluation.exporter import FeaturesExporter, FeatureTable
from simsiam_core.evaluation.exporters import listed
from simsiam_core.features.encode import best_device, encode
from simsiam_core.features.image_files import Block, ImageFiles, decoded
from simsiam_core.model import CheckpointError, Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint
from simsiam_core.runs.files import replacing, write_text
from simsiam_core.runs.json_files import DamagedFileError, read_json
from simsiam_core.runs.lock import FileLock, LockedError

PARTS_SUFFIX = ".parts"  # of the folder beside the output that holds what is done so far


@dataclass(frozen=True)
class Embedded:
    """A written file of features: their number and width, the files left out, and what an earlier call had done."""

    count: int
    dim: int
    left_out: tuple[LeftOut, ...]
    resumed_at: int  # position of the first file encoded by this call
    began_anew: bool  # whether an earlier call had done something that no longer fits


def format_of(out: Path) -> str:
    """Return the features format that a file name asks for. Raises ConfigError at `out`."""
    formats = {e.suffix: name for name, e in listed().items() if isinstance(e, FeaturesExporter)}
    if out.suffix not in formats:
        known = " or ".join(sorted(formats))
        raise ConfigError.at(
            "out", f"Features are written as {known}, not {out.suffix or 'without a suffix'}."
        )
    return formats[out.suffix]


def embed(checkpoint: Checkpoint, files: ImageFiles, out: Path, progress: Progress) -> Embedded:
    """Write ids, class names where folders are classes, and l2-normalised float32 features of image files.

    Unreadable files are left out. What is done stays beside `out` until all is: an interrupted call with the
    same checkpoint and files is resumed. Raises CheckpointError, or ConfigError if no file can be read.
    """
    exporter = exporter_of(format_of(out), FeaturesExporter)
    if out.is_dir():
        raise ConfigError.at("out", f"Cannot write {out}: it is a folder; give the name of a file.")
    encoder = load_encoder(checkpoint.path)
    identity = {"checkpoint": fingerprint(checkpoint.path), "images": files.version, "dim": encoder.dim}
    folder = out.with_name(out.name + PARTS_SUFFIX)
    try:
        folder.mkdir(exist_ok=True)
        with FileLock(folder / ".lock"):
            parts = PartialFeatures(folder, identity)
            resumed_at, done = parts.position, False
            try:
                _encode(encoder, files, parts, progress)
                found, done = _write(exporter, files, parts, out), True
            finally:
                if done or not parts.rows:
                    shutil.rmtree(folder)
    except LockedError:
        raise ConfigError.at("out", f"Another process is writing {out} already.") from None
    except OSError as error:
        raise unwritable(out, error) from None
    return Embedded(found, encoder.dim, _left_out(files, parts), resumed_at, parts.began_anew)


def _encode(encoder: Encoder, files: ImageFiles, parts: PartialFeatures, progress: Progress) -> None:
    device, total = best_device(), len(files)
    progress(parts.position / total, f"Encoding images: {parts.position:,} of {total:,}")
    for block in decoded(files, encoder.config.data.image_size, parts.position):
        parts.add(block, encode_block(encoder, block.images, device))
        progress(block.end / total, f"Encoding images: {block.end:,} of {total:,}")


def encode_block(encoder: Encoder, images: torch.Tensor, device: str) -> torch.Tensor:
    """Encode uint8 [n, 3, S, S] as float32 [n, dim], l2-normalised. Raises CheckpointError if they are not finite."""
    features = encode(encoder, ImageSet(images, None, (), tuple(map(str, range(len(images))))), device)
    if not bool(torch.isfinite(features).all()):
        raise CheckpointError("The checkpoint has diverged: its features are no numbers.")
    return features


def _write(exporter: FeaturesExporter, files: ImageFiles, parts: PartialFeatures, out: Path) -> int:
    rows = [row for row in range(len(files)) if row not in parts.unreadable]
    if not rows:
        first = next(iter(_left_out(files, parts)))
        raise ConfigError.at(
            "images", f"None of the {len(files):,} images can be read. The first is {first}."
        )
    labels = None if files.labels is None else [files.labels[row] for row in rows]
    table = FeatureTable(tuple(files.ids[row] for row in rows), labels, parts.features())
    with replacing(out) as temporary, temporary.open("wb") as file:
        exporter.write(table, file)
    return len(rows)


def _left_out(files: ImageFiles, parts: PartialFeatures) -> tuple[LeftOut, ...]:
    unread = (LeftOut(files.ids[row], reason) for row, reason in sorted(parts.unreadable.items()))
    return (*files.left_out, *unread)


class PartialFeatures:
    """Features of the first files of a list, in a folder: rows of float32, and which files have none.

    Whatever does not belong to `identity` (the checkpoint and the files) is discarded.
    """

    def __init__(self, folder: Path, identity: dict[str, object]) -> None:
        self.folder, self._dim = folder, int(str(identity["dim"]))
        self._rows, self._skipped = folder / "features.f32", folder / "unreadable.jsonl"
        about = folder / "about.json"
        self.began_anew = (
            self._rows.exists() and self._rows.stat().st_size > 0 and _content(about) != identity
        )
        if _content(about) != identity:
            for path in (self._rows, self._skipped):
                path.unlink(missing_ok=True)
            write_text(about, json.dumps(identity))
        self._rows.touch()
        rows = self._rows.stat().st_size // (4 * self._dim)
        with self._rows.open("r+b") as file:  # without the row that was being written
            file.truncate(rows * 4 * self._dim)
        self.rows = rows
        self.unreadable = _reasons(self._skipped)
        self.position = 0  # of the first file that is not done
        while rows or self.position in self.unreadable:
            rows -= self.position not in self.unreadable
            self.position += 1
        self.unreadable = {row: reason for row, reason in self.unreadable.items() if row < self.position}
        write_text(
            self._skipped, _lines(self.unreadable.items())
        )  # without what was cut short or comes again

    def add(self, block: Block, features: torch.Tensor) -> None:
        """Append a block's features, [n, dim]; reasons first, so that a row is never taken for another file's."""
        with self._skipped.open("a", encoding="utf-8") as file:
            file.write(_lines(block.unreadable))
        with self._rows.open("ab") as file:
            file.write(np.ascontiguousarray(features.numpy(), dtype=np.float32).data)
        self.rows += len(features)
        self.unreadable |= dict(block.unreadable)
        self.position = block.end

    def features(self) -> np.ndarray:
        """Return all rows, float32 [n, dim], as a memory map."""
        return np.memmap(self._rows, dtype=np.float32, mode="r").reshape(-1, self._dim)


def _content(path: Path) -> object:
    try:
        return read_json(path)
    except DamagedFileError:
        return None


def _lines(reasons: Iterable[tuple[int, str]]) -> str:
    return "".join(json.dumps([row, reason]) + "\n" for row, reason in reasons)


def _reasons(path: Path) -> dict[int, str]:
    lines: Sequence[str] = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
    found = {}
    for line in lines:
        try:
            row, reason = json.loads(line)
        except ValueError:  # cut short: its file is tried again
            continue
        found[int(row)] = str(reason)
    return found
