"""Fine-tuning on few labels: from the checkpoint, and from random weights with the same budget.

From the checkpoint, the backbone has a small learning rate and the new classifier a large one, as in
published fine-tuning on 1 % and 10 % of ImageNet (SwAV, section 4.2; Barlow Twins, appendix A). From random
weights that would be too slow, so the whole network has its own learning rate there. Labels, their order,
crops and the number of steps are equal.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simsiam_core.config.evaluations.finetune import FinetuneEvaluation
from simsiam_core.data import Augmentation, normalise
from simsiam_core.data.placement import Placed
from simsiam_core.evaluation.by_class import by_class
from simsiam_core.evaluation.classifier import Classifier
from simsiam_core.evaluation.heads import cosine
from simsiam_core.evaluation.job import Measurement, Reporter, Subject
from simsiam_core.evaluation.linear_augmented import CROP_AND_FLIP
from simsiam_core.evaluation.splits import share_count, subset
from simsiam_core.model import build_backbone

STARTS = {"finetune": "from the checkpoint", "scratch": "from random weights"}
MEASURED_TIMES = 20  # points of the test accuracy curve; the last value is reported, never the best
IMAGES_AT_ONCE = 256


@dataclass
class Network:
    """Backbone with a linear classifier."""

    backbone: nn.Module
    head: nn.Linear

    def scores(self, views: Tensor) -> Tensor:
        """Map normalised images [B, 3, S, S] to logits [B, classes]."""
        return self.head(self.backbone(views))

    def groups(self, backbone_lr: float, head_lr: float) -> list[dict[str, Any]]:
        """Return all parameters for an optimiser, none of them frozen; `peak` is where the cosine starts."""
        return [
            {"params": list(self.backbone.parameters()), "peak": backbone_lr},
            {"params": list(self.head.parameters()), "peak": head_lr},
        ]


def run_finetune(subject: Subject, settings: FinetuneEvaluation, reporter: Reporter) -> Measurement:
    """Train both networks on the same labels in the same order for as many steps, and report both on test."""
    count = share_count(len(subject.train_labels), settings.labels_share)
    rows = subset(subject.train_labels, count, settings.seed)
    images = Placed(subject.dataset.train.images, torch.device(subject.device), rows)
    labels = subject.train_labels[rows]
    per_class = torch.bincount(labels, minlength=len(subject.classes)).tolist()
    figures: dict[str, float] = {}
    answers: dict[str, Tensor] = {}
    classifier: Classifier | None = None
    for part, name in enumerate(STARTS):
        network = _network(subject, name, settings.seed)
        found = answers[name] = _fit(subject, network, images, labels, settings, reporter, name, part)
        if name == "finetune":
            classifier = Classifier.finetuned(subject, network.backbone, network.head)
        figures[f"{name}/accuracy"] = int((found == subject.test_labels).sum()) / len(found)
    figures["finetune/gain"] = figures["finetune/accuracy"] - figures["scratch/accuracy"]
    batch = min(settings.batch_size, len(rows))
    return Measurement(
        figures=figures,
        stamp={
            "labels": len(rows),
            "labels_share": settings.labels_share,
            "epochs": settings.epochs,
            "steps": settings.epochs * (len(rows) // batch),
            "batch_size": batch,
            "lr": settings.lr,
            "head_lr": settings.head_lr,
            "scratch_lr": settings.scratch_lr,
            "weight_decay": settings.weight_decay,
            "seed": settings.seed,
        },
        details={
            "labels_per_class": dict(zip(subject.classes, per_class, strict=True)),
            **by_class(subject.test_labels, answers["finetune"], subject.classes),
        },
        classifier=classifier,
    )


def _network(subject: Subject, name: str, seed: int) -> Network:
    torch.manual_seed(seed)  # the same classifier for both, so it is drawn before the random backbone
    head = nn.Linear(subject.encoder.dim, len(subject.classes))
    if name == "finetune":
        backbone = copy.deepcopy(subject.encoder.backbone).requires_grad_(True)
    else:
        backbone = build_backbone(subject.encoder.config.model, subject.encoder.config.data.image_size)
    return Network(backbone.to(subject.device), head.to(subject.device))


def _fit(
    subject: Subject,
    network: Network,
    images: Placed,
    labels: Tensor,
    settings: FinetuneEvaluation,
    reporter: Reporter,
    name: str,
    part: int,
) -> Tensor:
    """Train by SGD with momentum, random crops and flips; returns the predicted test classes, int64 [Q]."""
    device, encoder = torch.device(subject.device), subject.encoder
    size = subject.run.config().data.image_size
    augmentation = Augmentation(CROP_AND_FLIP, size, encoder.mean, encoder.std)
    batch = min(settings.batch_size, len(labels))
    steps, total = len(labels) // batch, settings.epochs * (len(labels) // batch)
    rates = (settings.lr, settings.head_lr) if name == "finetune" else (settings.scratch_lr,) * 2
    optimiser = torch.optim.SGD(
        network.groups(*rates), lr=0.0, momentum=0.9, weight_decay=settings.weight_decay
    )
    shuffle, draws = (torch.Generator(d).manual_seed(settings.seed) for d in ("cpu", device))
    every = max(1, settings.epochs // MEASURED_TIMES)
    for epoch in range(settings.epochs):
        order = torch.randperm(len(labels), generator=shuffle)[: steps * batch]
        truth = labels[order].to(device).split(batch)
        network.backbone.train()
        for index, shown in enumerate(images.batches(order.split(batch))):
            step = epoch * steps + index
            (views,) = augmentation.views(shown, draws, count=1)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * cosine(step, total)
            loss = F.cross_entropy(network.scores(views), truth[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            reporter.set(activity=f"Training {STARTS[name]}: epoch {epoch + 1} of {settings.epochs}")
        metrics = {f"{name}/loss": float(loss.detach())}
        if (epoch + 1) % every == 0 or epoch + 1 == settings.epochs:
            found = _predict(subject, network)
            metrics[f"{name}/accuracy"] = int((found == subject.test_labels).sum()) / len(found)
        text = f"Training {STARTS[name]}: epoch {epoch + 1} of {settings.epochs}"
        reporter.curve(
            part * settings.epochs + epoch + 1, len(STARTS) * settings.epochs, epoch + 1, text, metrics
        )
    return found


@torch.no_grad()
def _predict(subject: Subject, network: Network) -> Tensor:
    network.backbone.eval()
    assert subject.dataset.test is not None
    images, device, found = subject.dataset.test.images, torch.device(subject.device), []
    placed = Placed(images, device, resident=device.type == "cpu")
    for chunk in placed.batches(torch.arange(len(images)).split(IMAGES_AT_ONCE)):
        inputs = normalise(chunk, subject.encoder.mean, subject.encoder.std)
        found.append(network.scores(inputs).argmax(dim=1).cpu())
    return torch.cat(found)
