"""Linear classifier by the published protocol: frozen backbone, random crops and flips, SGD, cosine."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.config import AugmentationConfig
from simsiam_core.config.evaluations.linear import LinearEvaluation
from simsiam_core.data import Augmentation, normalise
from simsiam_core.data.placement import Placed
from simsiam_core.evaluation.heads import Heads, Setting, Standardise, best, cosine
from simsiam_core.evaluation.job import Measurement, Reporter, Subject
from simsiam_core.evaluation.linear_cached import Fit, linear_result
from simsiam_core.evaluation.splits import validation_split

# No weight decay. The best learning rate differs by 100× between recipes, so one pass tries them all.
SWEEP = tuple(Setting(lr, 0.0) for lr in (0.003, 0.01, 0.03, 0.1, 0.3))
IMAGES_AT_ONCE = 256

# Random resized crops of at least 20 % of the area, and flips; torchvision's default minimum is 8 %.
CROP_AND_FLIP = AugmentationConfig(
    crop_scale_min=0.2, jitter_probability=0, grey_probability=0, blur_probability=0
)


@torch.no_grad()
def run_augmented(subject: Subject, settings: LinearEvaluation, reporter: Reporter) -> Measurement:
    """Fit on augmented training images, choose the learning rate on validation images, report on test.

    SimSiam section 4 and appendix D: SGD without weight decay, cosine, 100 epochs. The classifier uses
    standardised features instead of plain ones, which changes its learning rate and nothing else.
    """
    device = torch.device(subject.device)
    fitted, kept = validation_split(subject.train_labels, settings.validation_share, settings.seed)
    train = subject.dataset.train.images
    assert subject.dataset.test is not None
    backbone = subject.encoder.backbone.to(device).eval()
    standardise = Standardise(_features(subject, train, fitted))
    validation = standardise(_features(subject, train, kept)), subject.train_labels[kept].to(device)
    test = standardise(_features(subject, subject.dataset.test.images)), subject.test_labels.to(device)
    heads = Heads(subject.encoder.dim, len(subject.classes), SWEEP, device)
    pixels, labels = Placed(train, device, fitted), subject.train_labels[fitted]
    batch = min(settings.batch_size, len(fitted))
    steps = len(fitted) // batch
    size, mean, std = subject.run.config().data.image_size, subject.encoder.mean, subject.encoder.std
    augmentation = Augmentation(CROP_AND_FLIP, size, mean, std)
    shuffle, draws = (torch.Generator(d).manual_seed(settings.seed) for d in ("cpu", device))
    accuracies: list[float] = []
    for epoch in range(settings.epochs):
        losses = torch.zeros(0)
        order = torch.randperm(len(fitted), generator=shuffle)[: steps * batch]
        truth, shown = labels[order].to(device).split(batch), pixels.batches(order.split(batch))
        for step, images in enumerate(shown):
            (views,) = augmentation.views(images, draws, count=1)
            factor = cosine(epoch * steps + step, settings.epochs * steps)
            losses = heads.step(standardise(backbone(views).float()), truth[step], factor)
            reporter.set(activity=f"Epoch {epoch + 1} of {settings.epochs}")
        accuracies = heads.accuracies(*validation)
        leader = best(accuracies)
        text = f"Epoch {epoch + 1} of {settings.epochs}: {SWEEP[leader]} leads with {accuracies[leader]:.1%}"
        curves = {f"validation/{s}": a for s, a in zip(SWEEP, accuracies, strict=True)}
        curves |= {"linear/validation_accuracy": accuracies[leader], "linear/loss": losses[leader].item()}
        reporter.epoch(epoch + 1, settings.epochs, text, curves)
    index = best(accuracies)
    predicted = heads.scores(test[0])[:, index].argmax(dim=1)
    fit = Fit(
        SWEEP[index],
        accuracies[index],
        int((predicted == test[1]).sum()) / len(predicted),
        {str(s): a for s, a in zip(SWEEP, accuracies, strict=True)},
        predicted.cpu(),
        heads.head(index, standardise),
    )
    return linear_result(fit, settings, subject)


def _features(subject: Subject, images: Tensor, rows: Tensor | None = None) -> Tensor:
    """Compute backbone outputs [N, d] of unaugmented images, all or those at `rows`, on the subject's device."""
    encoder, count = subject.encoder, len(images if rows is None else rows)
    placed = Placed(images, torch.device(subject.device), rows, resident=subject.device == "cpu")
    parts = torch.arange(count).split(IMAGES_AT_ONCE)
    inputs = (normalise(part, encoder.mean, encoder.std) for part in placed.batches(parts))
    return torch.cat([encoder.backbone(one).float() for one in inputs])
