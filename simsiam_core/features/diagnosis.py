"""Data checks based on a checkpoint's features: near-duplicates, outliers and suspicious labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError
from simsiam_core.features.duplicates import EVERYTHING, PAIRS_OF_EACH, find_duplicates
from simsiam_core.features.findings import Diagnosis, Finding
from simsiam_core.features.inspection import ImageRecord, image_record
from simsiam_core.features.suspicious_labels import describe_unjudged, find_suspects
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress

EVIDENCE = 4  # neighbours shown with an outlier or a suspicious label
Record = Callable[["ImageSet", int, int], ImageRecord]  # images, row, and the rank of its finding


@dataclass(frozen=True)
class Thresholds:
    """Thresholds for findings. Raises ConfigError at `diagnose.<name>` for a value out of range."""

    duplicate: float = 0.95  # minimum agreement of two images
    outlier: float = 0.1  # minimum distance (1 − similarity) to the k-th neighbour
    label: float = 0.9  # minimum doubt about a label
    k: int = 50
    temperature: float = 0.1

    def __post_init__(self) -> None:
        for name, high in (("duplicate", 1), ("outlier", 2), ("label", 1), ("temperature", 10)):
            if not 0 <= getattr(self, name) <= high or (name == "temperature" and self.temperature == 0):
                sentence = f"{name.capitalize()} is {getattr(self, name):g}; it must be from 0 to {high}."
                raise ConfigError.at(f"diagnose.{name}", sentence)
        if not 1 <= self.k <= 200:
            raise ConfigError.at("diagnose.k", f"K is {self.k}; it must be from 1 to 200.")


def diagnose(
    run_path: Path,
    checkpoint: str,
    split: str = "train",
    thresholds: Thresholds = Thresholds(),
    limit: int = 200,
    with_images: int | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Check a split; duplicates are also searched for between it and the other split, if there is one.

    Only the first `with_images` findings of each kind carry pixels; a list to be saved does not need them.
    Raises ConfigError for fewer than two images.
    """
    from simsiam_core.features import loaded, sample

    run = RunDirectory(run_path)
    points = sample.sampled(run, checkpoint, split, EVERYTHING, progress, least=2)
    images = loaded.split(run.config().data, split)
    similarities, rows = points.neighbours(max(thresholds.k, PAIRS_OF_EACH), progress)
    duplicates = find_duplicates(run, checkpoint, split, points, similarities, rows, progress)
    pairs = [pair for pair in duplicates if pair.agreement >= thresholds.duplicate]
    near, similar = rows[:, : thresholds.k], similarities[:, : thresholds.k]
    distances = 1 - similar[:, -1]
    outliers = [
        row
        for row in distances.argsort(descending=True, stable=True).tolist()
        if distances[row] >= thresholds.outlier
    ]
    suspects = find_suspects(points, similar, near, thresholds.temperature, thresholds.label, progress)
    unjudged = describe_unjudged(points)

    def record(images: ImageSet, row: int, rank: int) -> ImageRecord:
        found = image_record(images, row)
        shown = rank < (limit if with_images is None else with_images)
        return found if shown else replace(found, pixels=found.pixels[:0])

    return Diagnosis(
        tuple(
            Finding(record(images, row, rank), score, note, (record(others, other_row, rank),))
            for rank, (score, row, others, other_row, note) in enumerate(pairs[:limit])
        ),
        tuple(
            _outlier(images, row, rank, distances, near, record) for rank, row in enumerate(outliers[:limit])
        ),
        tuple(
            Finding(
                record(images, row, rank), doubt, note, _evidence(images, row, rank, near, record), suggested
            )
            for rank, (doubt, row, suggested, note) in enumerate(suspects[:limit])
        ),
        {"duplicates": len(pairs), "outliers": len(outliers), "labels": len(suspects)},
        len(points),
        {"labels": unjudged} if unjudged else {},
    )


def illustrated(
    run_path: Path, split: str, findings: tuple[Finding, ...], progress: Progress | None = None
) -> tuple[Finding, ...]:
    """Return findings of a split with the pixels of their images, for a page of a list that was found without them."""
    from simsiam_core.features import loaded

    config = RunDirectory(run_path).config().data
    images = loaded.split(config, split, progress)
    other = {"train": "test", "test": "train"}.get(split)

    def record(found: ImageRecord) -> ImageRecord:
        try:
            return image_record(images, images.index_of(found.id))
        except KeyError:  # of a pair across training and test images
            others = loaded.split(config, other or split, progress)
            return image_record(others, others.index_of(found.id))

    return tuple(
        replace(finding, image=record(finding.image), evidence=tuple(map(record, finding.evidence)))
        for finding in findings
    )


def _outlier(
    images: ImageSet, row: int, rank: int, distances: Tensor, near: Tensor, record: Record
) -> Finding:
    distance = float(distances[row])
    note = f"its neighbour number {near.shape[1]} is {distance:.3f} away"
    return Finding(record(images, row, rank), distance, note, _evidence(images, row, rank, near, record))


def _evidence(images: ImageSet, row: int, rank: int, near: Tensor, record: Record) -> tuple[ImageRecord, ...]:
    """Return the nearest neighbours to show with a finding."""
    return tuple(record(images, other, rank) for other in near[row, :EVIDENCE].tolist())
