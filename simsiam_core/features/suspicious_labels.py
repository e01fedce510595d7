"""Detection of suspicious labels: those that both the kNN vote and a held-out classifier find unlikely."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import Progress
    from simsiam_core.features.sample import Sample

LEAST_SHARE = 0.01  # added to every class's share of the vote
LEAST_OF_CLASS = 5  # images; the labels of smaller classes are not judged
CLASSES_NAMED = 5  # small classes listed by name in a message


class Suspect(NamedTuple):
    """A suspicious label: doubt, 0 to 1, the image's row, the suggested class, and the reason in words."""

    doubt: float
    row: int
    suggested: str
    note: str


def find_suspects(
    points: Sample,
    similarities: Tensor,
    rows: Tensor,
    temperature: float,
    least_doubt: float,
    progress: Progress | None = None,
) -> list[Suspect]:
    """Return suspicious labels, most doubtful first.

    `similarities` and `rows` [N, k] are the nearest neighbours of the points.

    Doubt is 1 − √(share of the vote × probability under a linear classifier that has not seen the image).
    This finds more errors than the strongest vote for another class, which peaks where two classes look alike
    and neither label is wrong. Images of classes with fewer than `LEAST_OF_CLASS` images are not judged:
    `describe_unjudged` lists these classes.
    """
    from simsiam_core.features.held_out import held_out_probabilities
    from simsiam_core.features.neighbours import vote

    judged = _class_sizes(points) >= LEAST_OF_CLASS
    if points.labels is None or len(points.bank.classes) < 2 or not judged.any():
        return []
    if progress is not None:
        progress(0.9, "Asking a classifier that has not seen them")
    labels, classes = points.labels[:, None], points.bank.classes
    scores = vote(similarities, points.labels[rows], len(classes), temperature)
    shares = scores / scores.sum(dim=1, keepdim=True)
    likely = held_out_probabilities(points.features, points.labels, len(classes))
    own, trusted = shares.gather(1, labels)[:, 0], likely.gather(1, labels)[:, 0]
    # Without a minimum share, labels without any votes would all have the same doubt.
    doubt = 1 - ((own + LEAST_SHARE) * trusted).sqrt().clamp(max=1)
    seems = (shares + likely).argmax(dim=1)
    return [
        Suspect(
            float(doubt[i]),
            i,
            classes[int(seems[i])],
            f"the vote gives {classes[int(points.labels[i])]} {float(own[i]):.0%}, a classifier that has not seen it "
            f"{float(trusted[i]):.1%}",
        )
        for i in doubt.argsort(descending=True, stable=True).tolist()
        if seems[i] != points.labels[i] and doubt[i] >= least_doubt and judged[points.labels[i]]
    ]


def _class_sizes(points: Sample) -> Tensor:
    """Return the number of images per class, int64 [classes]."""
    import torch

    labels = torch.empty(0, dtype=torch.int64) if points.labels is None else points.labels
    return torch.bincount(labels, minlength=len(points.bank.classes))


def describe_unjudged(points: Sample) -> str:
    """Return a sentence on which labels were not checked and why; empty if all were."""
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
