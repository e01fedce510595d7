"""Whether a network is any good, in words: what its figures allow one to conclude, and what to do next.

One judge for every place that uses a network, so that no page shows the neighbours of a collapsed network without
saying so. All figures are of one checkpoint or earlier ones of its run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY
from simsiam_core.runs.collapse import CollapseJudge

Level = Literal["good", "warn", "bad", "unknown"]
ERRORS = 2.0  # standard errors by which two accuracies have to differ; one in twenty does by chance
MEASURED = (KNN_ACCURACY, RAW_PIXELS_ACCURACY, REPRESENTATION_STD)
TEST_IMAGES = 1000  # where their number is not known: as few as the smallest data set that is offered has


@dataclass(frozen=True)
class Figures:
    """What is known of a checkpoint; accuracies are fractions, and None where they were not measured."""

    untrained: bool = False
    knn: float | None = None  # the last one up to this checkpoint
    start: float | None = None  # kNN accuracy of the untrained network
    raw_pixels: float | None = None
    std: float | None = None  # of the representation, the last one up to this checkpoint
    collapsed: bool = False  # for longer than one unusual batch
    classes: int | None = None
    test_images: int | None = None
    elsewhere: bool = False  # trained elsewhere, so that no figures are to be expected
    later: bool = False  # whether its run has a later checkpoint


@dataclass(frozen=True)
class Verdict:
    """`sentence` says what the figures mean and `next_step` what to do; both are plain text."""

    level: Level
    sentence: str
    next_step: str = ""

    @property
    def text(self) -> str:
        """Both sentences."""
        return f"{self.sentence} {self.next_step}".strip()


def verdict(figures: Figures) -> Verdict:
    """Judge a checkpoint by its figures; of several faults the one that explains the others."""
    if figures.collapsed:
        share = "" if figures.std is None else f" (per-dimension std {figures.std:.0%} of a healthy value)"
        return Verdict(
            "bad",
            f"Collapsed{share}: it gives all images nearly the same features.",
            "Do not use what it shows. Check that stop-gradient and predictor are on, and train again at a lower "
            "learning rate.",
        )
    if figures.untrained:
        return Verdict(
            "bad",
            f"Untrained{_and_accuracy(figures)}: these are the features of random weights.",
            "Choose a later checkpoint." if figures.later else "Train it first.",
        )
    if figures.knn is None:
        return _unmeasured(figures)
    return _of_accuracy(figures, figures.knn)


def _of_accuracy(figures: Figures, knn: float) -> Verdict:
    chance = 1 / figures.classes if figures.classes else None
    if chance is not None and knn - chance <= _noise(knn, chance, figures):
        return Verdict(
            "bad",
            f"At chance: kNN {knn:.1%}, and guessing among {figures.classes} classes gives {chance:.1%}.",
            "It has learned nothing that tells the classes apart. Train longer, or choose another preset.",
        )
    if figures.raw_pixels is not None and knn < figures.raw_pixels:
        return Verdict(
            "bad",
            f"Below raw pixels: kNN {knn:.1%}, where comparing the images themselves gives {figures.raw_pixels:.1%}.",
            f"Do not rely on what it finds. {_better(figures)}",
        )
    if figures.start is not None and knn - figures.start <= _noise(knn, figures.start, figures):
        return Verdict(
            "warn",
            f"Within noise of its start: kNN {knn:.1%}, and {figures.start:.1%} before training.",
            "Train longer, or at another learning rate, before relying on it.",
        )
    return _better_than(figures, knn)


def _better_than(figures: Figures, knn: float) -> Verdict:
    raw = figures.raw_pixels
    if raw is None:
        return Verdict("good", f"Has learned: kNN {knn:.1%}{_from_start(figures)}.")
    if knn - raw <= _noise(knn, raw, figures):
        return Verdict(
            "warn",
            f"No better than raw pixels: kNN {knn:.1%} beside {raw:.1%}, which may be chance.",
            "Train longer, or use a larger network.",
        )
    return Verdict("good", f"Better than raw pixels: kNN {knn:.1%} beside {raw:.1%}{_from_start(figures)}.")


def _unmeasured(figures: Figures) -> Verdict:
    if figures.elsewhere:
        return Verdict(
            "unknown",
            "Trained elsewhere: how well it suits these images is not measured.",
            "Ask Evaluate for kNN.",
        )
    return Verdict(
        "unknown",
        "Quality unknown: kNN accuracy was not measured, which takes labels and test images.",
        "Judge it by its neighbours, and by whether the std stays near 1.",
    )


def _noise(one: float, other: float, figures: Figures) -> float:
    """By how much two accuracies on as many test images may differ by chance."""
    variance = one * (1 - one) + other * (1 - other)
    return ERRORS * (variance / (figures.test_images or TEST_IMAGES)) ** 0.5


def _better(figures: Figures) -> str:
    if figures.later:
        return "Choose a later checkpoint, train longer, or try another learning rate."
    return "Train longer, or try another learning rate."


def _from_start(figures: Figures) -> str:
    return "" if figures.start is None else f"; {figures.start:.1%} before training"


def _and_accuracy(figures: Figures) -> str:
    return "" if figures.knn is None else f", kNN {figures.knn:.1%}"


def figures_of(
    lines: Iterable[Mapping[str, Any]],
    epoch: int | None = None,
    *,
    later: bool = False,
    classes: int | None = None,
    test_images: int | None = None,
    elsewhere: bool = False,
) -> Figures:
    """The figures after that many epochs, or the last ones, from the lines of `metrics.jsonl` in their order."""
    judge, found = CollapseJudge(), dict[str, float]()
    start: float | None = None
    for line in lines:
        if epoch is not None and line.get("epoch", 0) > epoch:
            break
        judge.observe([line])
        found.update({name: line[name] for name in MEASURED if name in line})
        if line["step"] == 0:
            start = line.get(KNN_ACCURACY, start)
    judgement = judge.judgement
    return Figures(
        untrained=epoch == 0,
        knn=found.get(KNN_ACCURACY),
        start=start,
        raw_pixels=found.get(RAW_PIXELS_ACCURACY),
        std=found.get(REPRESENTATION_STD),
        collapsed=judgement is not None and judgement.collapsed,
        classes=classes,
        test_images=test_images,
        elsewhere=elsewhere,
        later=later,
    )
