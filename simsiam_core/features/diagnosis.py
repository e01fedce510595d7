"""What may be wrong with the data, as a checkpoint sees it: duplicates, outliers and suspicious labels.

Each finding carries its evidence. All of them are read off one table of neighbours, so that another
threshold costs nothing. Plain data in, plain data out, like `inspection`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError
from simsiam_core.features.findings import Diagnosis, Finding
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.features.sample import Sample

EVERYTHING = 200_000  # images; a sample as large as any data set that is checked
PAIRS_OF_EACH = 5  # nearest neighbours of an image looked at as possible duplicates
EVIDENCE = 4  # neighbours shown with an outlier or a suspicious label
CANDIDATES = 50_000  # pairs most alike to the network, whose pixels are then compared
LEAST_SHARE = 0.01  # of the vote, added to every class
LEAST_OF_CLASS = 5  # images of a class without which nobody can tell what it looks like
CLASSES_NAMED = 5  # of those with fewer, in a sentence
AT_ONCE = 4096  # pairs whose pixels are in memory together, if they are small,
BYTES_AT_ONCE = 2**28  # and what these may take


@dataclass(frozen=True)
class Thresholds:
    """What counts as a finding. Raises ConfigError at `diagnose.<name>` for a value out of range."""

    duplicate: float = 0.95  # least agreement of two images
    outlier: float = 0.1  # least distance (1 − similarity) to the k-th neighbour
    label: float = 0.9  # least doubt about a label
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
    """Check a split; duplicates are also sought between it and the other split, if there is one.

    Only the first `with_images` findings of each kind carry pixels: a list to be saved does without.
    Raises ConfigError for fewer than two images, which cannot be compared.
    """
    from simsiam_core.features import loaded, sample

    run = RunDirectory(run_path)
    points = sample.sampled(run, checkpoint, split, EVERYTHING, progress, least=2)
    images = loaded.split(run.config().data, split)
    similarities, rows = points.neighbours(max(thresholds.k, PAIRS_OF_EACH), progress)
    duplicates = _duplicates(points, images, similarities, rows)
    if (other := {"train": "test", "test": "train"}.get(split)) is not None:
        with_other = _across(run, checkpoint, points, images, other, progress)
        duplicates = sorted([*duplicates, *with_other], key=lambda pair: -pair[0])
    pairs = [pair for pair in duplicates if pair[0] >= thresholds.duplicate]
    near, alike = rows[:, : thresholds.k], similarities[:, : thresholds.k]
    far = 1 - alike[:, -1]
    odd = [i for i in far.argsort(descending=True, stable=True).tolist() if far[i] >= thresholds.outlier]
    suspects = _suspects(points, alike, near, thresholds, progress)
    unjudged = _unjudged(points)

    shown = limit if with_images is None else with_images

    def evidence(rank: int, row: int) -> tuple[ImageRecord, ...]:
        return tuple(_record(images, other, rank < shown) for other in rows[row, :EVIDENCE].tolist())

    return Diagnosis(
        tuple(
            Finding(_record(images, i, rank < shown), score, note, (_record(where, j, rank < shown),))
            for rank, (score, i, where, j, note) in enumerate(pairs[:limit])
        ),
        tuple(
            Finding(
                _record(images, i, rank < shown),
                float(far[i]),
                f"its neighbour number {near.shape[1]} is {float(far[i]):.3f} away",
                evidence(rank, i),
            )
            for rank, i in enumerate(odd[:limit])
        ),
        tuple(
            Finding(
                _record(images, i, rank < shown),
                doubt,
                note,
                evidence(rank, i),
                name,
            )
            for rank, (doubt, i, name, note) in enumerate(suspects[:limit])
        ),
        {"duplicates": len(pairs), "outliers": len(odd), "labels": len(suspects)},
        len(points),
        {"labels": unjudged} if unjudged else {},
    )


Pair = tuple[float, int, "ImageSet", int, str]  # agreement, row, the other's images and row, in words


def _duplicates(points: Sample, images: ImageSet, similarities: Tensor, rows: Tensor) -> list[Pair]:
    """Pairs within a split, each once, by falling agreement."""
    import torch

    k = min(PAIRS_OF_EACH, rows.shape[1])
    first = torch.arange(len(points))[:, None].expand(-1, k).reshape(-1)
    second, alike = rows[:, :k].reshape(-1), similarities[:, :k].reshape(-1)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    _, once = _first_of_each(low * len(points) + high)
    return _ranked(images, low[once], images, high[once], alike[once])


def _across(
    run: RunDirectory,
    checkpoint: str,
    points: Sample,
    images: ImageSet,
    other: str,
    progress: Progress | None,
) -> list[Pair]:
    """Pairs of an image of this split and one of the other."""
    import torch

    from simsiam_core.features import loaded, sample
    from simsiam_core.features.neighbours import search

    config = run.config().data
    if other == "test" and loaded.dataset(config).test is None:
        return []
    theirs = sample.sampled(run, checkpoint, other, EVERYTHING, progress, least=1)
    similarities, rows = search(theirs.features, points.features, 1)
    where = loaded.split(config, other)
    return _ranked(images, rows[:, 0], where, torch.arange(len(theirs)), similarities[:, 0].clamp(-1, 1))


def _ranked(
    images: ImageSet, rows: Tensor, others: ImageSet, other_rows: Tensor, alike: Tensor
) -> list[Pair]:
    """Pairs by agreement: the mean of the network's similarity and that of the pixels.

    The network is trained to overlook crops and colours, so it alone calls different images equal; pixels
    alone are deceived by plain backgrounds.
    """
    import torch

    from simsiam_core.features.agreement import pixel_agreement

    best = alike.argsort(descending=True, stable=True)[:CANDIDATES]
    rows, other_rows, alike = rows[best], other_rows[best], alike[best]
    at_once = _pairs_at_once(images.images.shape[-1])
    parts = zip(rows.split(at_once), other_rows.split(at_once), strict=True)
    pixels = torch.cat([pixel_agreement(images.images[a], others.images[b]) for a, b in parts])
    agreement = (alike + pixels) / 2
    order = agreement.argsort(descending=True, stable=True).tolist()
    return [
        (
            float(agreement[i]),
            int(rows[i]),
            others,
            int(other_rows[i]),
            f"features {float(alike[i]):.3f}, pixels {float(pixels[i]):.3f}",
        )
        for i in order
    ]


def _pairs_at_once(side: int) -> int:
    """How many pairs of images of that side are compared together."""
    of_a_pair = 3 * side**2 * (2 + 4 * 4)  # both as bytes, and four copies of one as floats
    return max(1, min(AT_ONCE, BYTES_AT_ONCE // of_a_pair))


def _suspects(
    points: Sample, alike: Tensor, near: Tensor, thresholds: Thresholds, progress: Progress | None
) -> list[tuple[float, int, str, str]]:
    """Doubt, the row, the class that it seems to be, and why in words; the greatest doubt first.

    A label is doubted as far as neither the vote of the neighbours nor a linear classifier that has not seen
    the image gives it anything: 1 − √(share of the vote × probability). That finds more than the strongest
    vote for another class does, which is loudest where two classes are alike and neither label is wrong.
    Images of a class with fewer than `LEAST_OF_CLASS` are not judged: `_unjudged` names these classes.
    """
    from simsiam_core.features.held_out import held_out_probabilities
    from simsiam_core.features.neighbours import vote

    judged = _class_sizes(points) >= LEAST_OF_CLASS
    if points.labels is None or len(points.bank.classes) < 2 or not judged.any():
        return []
    if progress is not None:
        progress(0.9, "Asking a classifier that has not seen them")
    labels, classes = points.labels[:, None], points.bank.classes
    scores = vote(alike, points.labels[near], len(classes), thresholds.temperature)
    shares = scores / scores.sum(dim=1, keepdim=True)
    likely = held_out_probabilities(points.features, points.labels, len(classes))
    own, trusted = shares.gather(1, labels)[:, 0], likely.gather(1, labels)[:, 0]
    # A share of nothing leaves the order to the classifier.
    doubt = 1 - ((own + LEAST_SHARE) * trusted).sqrt().clamp(max=1)
    seems = (shares + likely).argmax(dim=1)
    return [
        (
            float(doubt[i]),
            i,
            classes[int(seems[i])],
            f"the vote gives {classes[int(points.labels[i])]} {float(own[i]):.0%}, a classifier that has not seen it "
            f"{float(trusted[i]):.1%}",
        )
        for i in doubt.argsort(descending=True, stable=True).tolist()
        if seems[i] != points.labels[i] and doubt[i] >= thresholds.label and judged[points.labels[i]]
    ]


def _class_sizes(points: Sample) -> Tensor:
    """How many of the images each class has, int64 [classes]."""
    import torch

    labels = torch.empty(0, dtype=torch.int64) if points.labels is None else points.labels
    return torch.bincount(labels, minlength=len(points.bank.classes))


def _unjudged(points: Sample) -> str:
    """Why nothing is said about labels, or about those of some classes; empty if all were judged."""
    if points.labels is None or len(points.bank.classes) < 2:
        return "These images have no labels of two classes or more, so no label is checked."
    sizes = _class_sizes(points).tolist()
    small = [(name, n) for name, n in zip(points.bank.classes, sizes, strict=True) if 0 < n < LEAST_OF_CLASS]
    if not small:
        return ""
    if len(small) == sum(n > 0 for n in sizes):
        return f"Nothing can be said about labels: every class has fewer than {LEAST_OF_CLASS} images."
    named = ", ".join(f"{name}: {n}" for name, n in small[:CLASSES_NAMED])
    more = f" and {len(small) - CLASSES_NAMED:,} more" if len(small) > CLASSES_NAMED else ""
    many = f"{len(small):,} class{'es' if len(small) > 1 else ''} with fewer than {LEAST_OF_CLASS} images"
    return f"Nothing is said about the labels of {many} ({named}{more})."


def _first_of_each(keys: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct keys [U], and where each stands first."""
    import torch

    unique, inverse = torch.unique(keys, return_inverse=True)
    first = torch.full((len(unique),), len(keys)).scatter_reduce_(
        0, inverse, torch.arange(len(keys)), reduce="amin"
    )
    return unique, first


def _record(images: ImageSet, row: int, with_pixels: bool) -> ImageRecord:
    from simsiam_core.features import inspection

    found = inspection.image_record(images, row)
    return found if with_pixels else replace(found, pixels=found.pixels[:0])
