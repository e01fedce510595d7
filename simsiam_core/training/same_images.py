"""Check that a run resumes with the images it was trained on: by names and pixels, not paths or file times.

A folder's images are identified by their ids and a digest of each one's decoded pixels, at most 64 × 64 of
them evenly spaced; `images.json.gz` in the run directory lists them, and every checkpoint holds the
fingerprint of the list. Images of the other sources are determined by their name. Checkpoints without a
fingerprint are compared by classes, count, mean and std.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simsiam_core.config import Config, ConfigError
from simsiam_core.data import Dataset, ImageSet
from simsiam_core.data.sources import SOURCES
from simsiam_core.runs import FIRST_STEP, RunDirectory
from simsiam_core.runs.files import replacing
from simsiam_core.training.resume import FoundCheckpoint

SIDE = 64  # pixels per side that are digested: a changed image differs nearly everywhere
NAMED = 3  # images named in a sentence; the others are only counted
TOLERANCE = 1e-4  # of mean and std on the scale 0..1: decoding and resizing differ between library versions


@dataclass(frozen=True)
class ImageList:
    """List of a folder's images: ids, digests of their pixels, and how many are for training."""

    ids: list[str]
    digests: list[str]
    train_count: int
    classes: list[str]

    @cached_property
    def fingerprint(self) -> str:
        """Hash that is equal for the same images in the same order."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:32]

    def write(self, path: Path) -> None:
        """Replace the file. Raises OSError."""
        with replacing(path) as temporary:
            temporary.write_bytes(gzip.compress(json.dumps(asdict(self)).encode(), 5))


def image_list(config: Config, dataset: Dataset) -> ImageList | None:
    """List the images of a source that needs a path, training images first; return None for other sources."""
    if not SOURCES.get(config.data.source).needs_path:
        return None
    parts = [dataset.train] if dataset.test is None else [dataset.train, dataset.test]
    return ImageList(
        [image_id for part in parts for image_id in part.ids],
        [digest for part in parts for digest in _digests(part)],
        len(dataset.train),
        list(dataset.train.classes),
    )


def check_same_images(
    run: RunDirectory, found: FoundCheckpoint, config: Config, dataset: Dataset, now: ImageList | None
) -> None:
    """Raise ConfigError if the images have changed, with a sentence that says how and what to do.

    `found` is the checkpoint to resume from, `now` the `image_list` of the present images.
    """
    known = found.recipe.get("images")
    if now is None or not isinstance(known, Mapping):
        changed = _by_statistics(run, found, config, dataset)
    elif known.get("fingerprint") == now.fingerprint:
        return
    else:
        before = _read(run.images_path)
        listed = before is not None and before.fingerprint == known.get("fingerprint")
        changed = _difference(before, now) if before and listed else "they are others, or have other pixels"
    if changed:
        raise ConfigError.at(
            "data",
            f"The images are not those that this run was trained on: {changed}. Put them back and resume, or go "
            f"on with the images as they are in a fork: runs fork {run.id} --new-data, or Fork on the page.",
        )


def _digests(images: ImageSet) -> list[str]:
    pixels = images.images.numpy()
    apart = -(-pixels.shape[-1] // SIDE)
    return [
        hashlib.blake2b(image[:, ::apart, ::apart].tobytes(), digest_size=8).hexdigest() for image in pixels
    ]


def _read(path: Path) -> ImageList | None:
    try:
        return ImageList(**json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, EOFError, ValueError, TypeError):
        return None


def _difference(before: ImageList, now: ImageList) -> str:
    """Describe the changes that a user would have to undo."""
    old, new = (dict(zip(each.ids, each.digests, strict=True)) for each in (before, now))
    parts = [
        _counted([i for i in now.ids if i not in old], "added"),
        _counted([i for i in before.ids if i not in new], "removed"),
        _counted([i for i in now.ids if i in old and old[i] != new[i]], "changed"),
    ]
    if before.classes != now.classes:
        parts.append(_other_classes(before.classes, now.classes))
    return "; ".join(filter(None, parts)) or "other images of them are for training and for testing"


def _by_statistics(run: RunDirectory, found: FoundCheckpoint, config: Config, dataset: Dataset) -> str:
    """Describe how the images differ, without a list of them; empty if no difference is found."""
    classes = found.recipe.get("classes")
    if classes is not None and list(classes) != list(dataset.train.classes):
        return _other_classes(list(classes), list(dataset.train.classes))
    per_epoch, origin = len(dataset.train) // config.training.batch_size, run.origin() or FIRST_STEP
    if found.epoch != origin.epoch + (found.step - origin.step) // max(1, per_epoch):
        return f"they are not as many; there are {len(dataset.train):,} for training now"
    for name, now in (("mean", dataset.mean), ("std", dataset.std)):
        before = found.recipe.get(name)
        if before is not None and max(abs(a - b) for a, b in zip(before, now, strict=True)) > TOLERANCE:
            shown = (", ".join(f"{value:.4f}" for value in values) for values in (before, now))
            return f"the {name} of their channels was {' and is '.join(shown)}"
    return ""


def _counted(ids: Sequence[str], what: str) -> str:
    if not ids:
        return ""
    names = [name.encode("utf-8", "backslashreplace").decode() for name in ids[:NAMED]]
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    verb = "was" if len(ids) == 1 else "were"
    return f"{len(ids):,} {verb} {what} ({', '.join(names)}{more})"


def _other_classes(before: list[str], now: list[str]) -> str:
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    return (
        "; ".join(filter(None, [_classes(gone, "gone"), _classes(new, "new")]))
        or "their classes are in another order"
    )


def _classes(names: list[str], what: str) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    return f"{'a class is' if len(names) == 1 else f'{len(names)} classes are'} {what} ({shown})"


def identity(images: ImageList | None) -> dict[str, Any] | None:
    """Return the part of the list that a checkpoint stores, in plain types."""
    return None if images is None else {"count": len(images.ids), "fingerprint": images.fingerprint}
