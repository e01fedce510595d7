"""Linear classifier on cached features: the whole sweep of learning rate and weight decay in one pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from simsiam_core.config.evaluations.linear import LinearEvaluation
from simsiam_core.evaluation.by_class import by_class
from simsiam_core.evaluation.classifier import Classifier
from simsiam_core.evaluation.heads import Heads, LinearHead, Setting, Standardise, best, cosine
from simsiam_core.evaluation.job import Measurement, Reporter, Subject
from simsiam_core.evaluation.splits import validation_split

SWEEP = tuple(Setting(lr, decay) for lr, decay in itertools.product((0.01, 0.1, 0.3, 1.0), (0.0, 1e-4, 1e-3)))
# Called after each epoch with the epochs done, and the losses and validation accuracies by setting.
Watch = Callable[[int, list[float], list[float]], None]


@dataclass(frozen=True)
class Fit:
    """Setting chosen on the validation images, and the accuracy of its classifier."""

    chosen: Setting
    validation_accuracy: float
    test_accuracy: float  # of the chosen setting; `sweep` refits it on all training images
    validation_by_setting: dict[str, float]
    predicted: Tensor  # int64 [Q]
    head: LinearHead  # the classifier that predicted them


@torch.no_grad()
def sweep(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    epochs: int,
    batch_size: int,
    validation_share: float,
    seed: int,
    settings: tuple[Setting, ...] = SWEEP,
    watch: Watch | None = None,
) -> Fit:
    """Choose on a validation split, fit the chosen setting on all training features, report on test.

    `train` and `test` are features float32 [N, d] and labels int64 [N] on one device. The test features are
    used once, by the chosen classifier.
    """
    features, labels = train
    classes = int(torch.maximum(labels.max(), test[1].max())) + 1
    fitted, kept = validation_split(labels.cpu(), validation_share, seed)
    fitted, kept = fitted.to(labels.device), kept.to(labels.device)
    standardise = Standardise(features[fitted])
    inside, outside = standardise(features[fitted]), standardise(features[kept])
    heads = Heads(features.shape[1], classes, settings, features.device)
    accuracies: list[float] = []
    for epoch in range(epochs):
        losses = _epoch(heads, inside, labels[fitted], epoch, epochs, batch_size, seed)
        if watch or epoch == epochs - 1:
            accuracies = heads.accuracies(outside, labels[kept])
        if watch:
            watch(epoch + 1, losses, accuracies)
    index = best(accuracies)
    standardise = Standardise(features)
    everything = standardise(features)
    final = Heads(features.shape[1], classes, settings[index : index + 1], features.device)
    for epoch in range(epochs):
        _epoch(final, everything, labels, epoch, epochs, batch_size, seed)
    predicted = final.scores(standardise(test[0]))[:, 0].argmax(dim=1)
    accuracy = int((predicted == test[1]).sum()) / len(predicted)
    by_setting = {str(s): a for s, a in zip(settings, accuracies, strict=True)}
    head = final.head(0, standardise)
    return Fit(settings[index], accuracies[index], accuracy, by_setting, predicted.cpu(), head)


def _epoch(
    heads: Heads, features: Tensor, labels: Tensor, epoch: int, epochs: int, batch_size: int, seed: int
) -> list[float]:
    """Run one epoch in its own order; the learning rate follows half a cosine step by step."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(features), generator=generator).to(features.device)
    starts = range(0, len(order), batch_size)
    losses = torch.zeros(0)
    for index, start in enumerate(starts):
        rows = order[start : start + batch_size]
        losses = heads.step(
            features[rows], labels[rows], cosine(epoch * len(starts) + index, epochs * len(starts))
        )
    return losses.tolist()


def batch_size_for(images: int, settings: LinearEvaluation) -> int:
    """Return the configured batch size, or a hundredth of many images: matrices that use all cores."""
    return max(settings.batch_size, images // 100)


def run_cached(subject: Subject, settings: LinearEvaluation, reporter: Reporter) -> Measurement:
    """Run the sweep on the features of one checkpoint, with curves of the best setting and of each one."""
    bank, queries = subject.bank("train", reporter), subject.bank("test", reporter)
    assert bank.labels is not None and queries.labels is not None

    def watch(done: int, losses: list[float], accuracies: list[float]) -> None:
        leader = best(accuracies)
        text = f"Epoch {done} of {settings.epochs}: {SWEEP[leader]} leads with {accuracies[leader]:.1%}"
        curves = {f"validation/{s}": a for s, a in zip(SWEEP, accuracies, strict=True)}
        curves |= {"linear/validation_accuracy": accuracies[leader], "linear/loss": losses[leader]}
        reporter.epoch(done, settings.epochs, text, curves)

    device = subject.device
    fit = sweep(
        (torch.as_tensor(bank.features).to(device), bank.labels.to(device)),
        (torch.as_tensor(queries.features).to(device), queries.labels.to(device)),
        epochs=settings.epochs,
        batch_size=batch_size_for(len(bank), settings),
        validation_share=settings.validation_share,
        seed=settings.seed,
        watch=watch,
    )
    return linear_result(fit, settings, subject)


def linear_result(fit: Fit, settings: LinearEvaluation, subject: Subject) -> Measurement:
    """Return the result in the form shared by both protocols."""
    return Measurement(
        figures={
            "linear/accuracy": fit.test_accuracy,
            "linear/validation_accuracy": fit.validation_accuracy,
        },
        stamp={
            "protocol": settings.protocol,
            "epochs": settings.epochs,
            "seed": settings.seed,
            "validation_share": settings.validation_share,
            "chosen_lr": fit.chosen.lr,
            "chosen_weight_decay": fit.chosen.weight_decay,
        },
        details={
            "validation_by_setting": fit.validation_by_setting,
            **by_class(subject.test_labels, fit.predicted, subject.classes),
        },
        # Cached features are l2-normalised; those of augmented images are not.
        classifier=Classifier.linear(subject, fit.head, normalised=settings.protocol == "cached"),
    )
