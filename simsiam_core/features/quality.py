"""Whether a run's checkpoint is any good, from what its directory holds: no image is encoded, torch is not imported."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from simsiam_core.data.sources import SOURCES
from simsiam_core.registry import UnknownEntryError
from simsiam_core.runs import BUNDLED, RunDirectory, RunError
from simsiam_core.runs.verdict import Figures, Verdict, figures_of, verdict

TRAINED_ON = "trained on "  # a tag of the bundled run, whose config names the images that it shows


@dataclass(frozen=True)
class Quality:
    """The figures of a checkpoint and what they allow one to conclude."""

    figures: Figures
    verdict: Verdict


def quality(run: RunDirectory, checkpoint: str = "last") -> Quality:
    """Judge a checkpoint by its name. The figures are those of the images that the run was measured on."""
    number = checkpoint.removeprefix("epoch=")
    epoch = int(number) if number.isdecimal() else None
    later = epoch is not None and any((other.epoch or 0) > epoch for other in run.checkpoints())
    return _quality(run.path, epoch, later, run.metrics_version(), _version(run.images_path))


@lru_cache(maxsize=512)
def _quality(path: Path, epoch: int | None, later: bool, *_versions: tuple[int, int]) -> Quality:
    run = RunDirectory(path)
    classes, test_images = _measured_on(run)
    figures = figures_of(
        run.metrics(),
        epoch,
        later=later,
        classes=classes,
        test_images=test_images,
        elsewhere=run.imported,
    )
    return Quality(figures, verdict(figures))


def trained_on(run: RunDirectory) -> str:
    """The name of the source of its training images; empty if it cannot be read or another program trained it."""
    if run.imported:
        return ""
    try:
        if run.id == BUNDLED:
            tags = [tag for tag in run.notes().tags if tag.startswith(TRAINED_ON)]
            return tags[0].removeprefix(TRAINED_ON) if tags else ""
        return run.config().data.source
    except RunError:
        return ""


def _measured_on(run: RunDirectory) -> tuple[int | None, int | None]:
    """How many classes and test images its kNN accuracy was measured with, as far as that is known."""
    try:
        source, limit = SOURCES.get(trained_on(run)), run.config().data.test_limit
    except (UnknownEntryError, RunError):
        return None, None
    classes, tested = source.classes, source.test_count
    if source.needs_path:
        classes, tested = _listed(run.images_path)
    elif limit is not None and tested is not None:
        tested = min(limit, tested)
    return classes, tested


def _listed(path: Path) -> tuple[int | None, int | None]:
    """Classes and test images of a run's own list of images."""
    try:
        listed = json.loads(gzip.decompress(path.read_bytes()))
        return len(listed["classes"]) or None, len(listed["ids"]) - listed["train_count"] or None
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return None, None


def _version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
