"""Classification of any images by an evaluation: its trained classifier, or the vote of nearest neighbours."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.data import Progress, normalise
from simsiam_core.data.left_out import LeftOut
from simsiam_core.evaluation.classifier import Classifier
from simsiam_core.evaluation.kinds import can_predict, predicts
from simsiam_core.features.bank import load_bank
from simsiam_core.features.encode import CPU_PIXELS, best_device
from simsiam_core.features.image_files import ImageFiles, decoded
from simsiam_core.features.neighbours import search, vote
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.model.precision import true_fp32
from simsiam_core.runs import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.evaluations import EvaluationDirectory, evaluations

ALL_CLASSES = 20  # with more classes, a table has the most probable ones instead of a column each
MOST_PROBABLE = 5
GPU_IMAGES = 64  # per batch, at least


@dataclass(frozen=True)
class Predictor:
    """A classifier of images of any origin."""

    evaluation: str  # id
    classes: tuple[str, ...]
    image_size: int
    probabilities: Callable[[Tensor], Tensor]  # from uint8 [n, 3, S, S] to float32 [n, C] in main memory


def load_predictor(job: EvaluationDirectory, progress: Progress | None = None) -> Predictor:
    """Load what an evaluation classifies with. Raises RunError, CheckpointError or ConfigError."""
    how = predicts(job.kind)
    if not how:
        raise RunError(f"An evaluation of kind {job.kind} keeps no classifier; {_measure(job)}.")
    result = job.result()
    if result is None:
        raise RunError(f"The evaluation {job.id} has no result; it is {job.status().state}.")
    if how == "vote":
        return _by_vote(job, str(result["stamp"].get("checkpoint_fingerprint")), result["stamp"], progress)
    if not job.classifier_path.exists():
        raise RunError(
            f"The evaluation {job.id} was measured by a version that kept no classifier; {_measure(job)}."
        )
    classifier = Classifier.read(job.classifier_path)
    encoder = classifier.finetuned_encoder()
    if encoder is None:
        encoder = load_encoder(_checkpoint(job, str(result["stamp"].get("checkpoint_fingerprint"))).path)
    device = torch.device(best_device())
    encoder.backbone.to(device)

    def probabilities(images: Tensor) -> Tensor:
        parts = [classifier.probabilities(features) for features in _features(encoder, images, device)]
        return torch.cat(parts).cpu() if parts else torch.empty(0, len(classifier.classes))

    return Predictor(job.id, classifier.classes, encoder.config.data.image_size, probabilities)


def _by_vote(
    job: EvaluationDirectory, fingerprint: str, stamp: dict[str, int | float], progress: Progress | None
) -> Predictor:
    checkpoint = _checkpoint(job, fingerprint)
    bank = load_bank(job.run, checkpoint, "train", progress)
    if bank.labels is None:
        raise RunError(f"The images of run {job.run.id} have no labels any more, so nothing can be voted on.")
    labels, encoder, device = bank.labels, load_encoder(checkpoint.path), torch.device(bank.device)
    encoder.backbone.to(device)
    k, temperature = int(stamp["k"]), float(stamp["temperature"])

    def probabilities(images: Tensor) -> Tensor:
        shares = [torch.empty(0, len(bank.classes))]
        for features in _features(encoder, images, device):
            similarities, rows = search(F.normalize(features, dim=1).cpu(), bank.features, k)
            scores = vote(similarities, labels[rows], len(bank.classes), temperature)
            shares.append(scores / scores.sum(dim=1, keepdim=True))
        return torch.cat(shares)

    return Predictor(job.id, bank.classes, encoder.config.data.image_size, probabilities)


@torch.no_grad()
def _features(encoder: Encoder, images: Tensor, device: torch.device) -> Iterator[Tensor]:
    """Yield backbone outputs [b, d], not normalised, of uint8 images batch by batch."""
    batch = max(1 if device.type == "cpu" else GPU_IMAGES, CPU_PIXELS // images.shape[-1] ** 2)
    for part in images.split(batch) if len(images) else ():
        with true_fp32(device.type):
            inputs = normalise(part.to(device), encoder.mean, encoder.std)
            yield encoder.backbone(inputs.contiguous(memory_format=torch.channels_last)).float()


def _checkpoint(job: EvaluationDirectory, expected: str) -> Checkpoint:
    """Return the checkpoint that was evaluated: `last` may have moved on since. Raises RunError."""
    for checkpoint in job.run.checkpoints():
        if fingerprint(checkpoint.path) == expected:
            return checkpoint
    raise RunError(f"The checkpoint that {job.id} was measured on is no longer there; {_measure(job)}.")


def _measure(job: EvaluationDirectory) -> str:
    return f"`simsiam evaluate linear {job.run.id}` trains one"


def newest_predictor(run: RunDirectory) -> EvaluationDirectory:
    """Return the run's newest evaluation that can classify other images. Raises RunError."""
    for job in evaluations(run):
        if can_predict(job):
            return job
    raise RunError(f"Run {run.id} has no classifier yet; `simsiam evaluate linear {run.id}` trains one.")


# --- tables -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Predicted:
    """What was written: the images, and of those in folders named as classes how many were predicted so."""

    count: int
    left_out: tuple[LeftOut, ...]
    labelled: int
    right: int


def write_predictions(predictor: Predictor, files: ImageFiles, out: TextIO, progress: Progress) -> Predicted:
    """Write a CSV row per readable image: id, class, confidence, and probabilities by class.

    Where folders are classes, their names stand beside. With many classes the most probable five stand in
    place of all. Raises OSError.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_header(predictor.classes, files.labels is not None))
    left_out, count, labelled, right = list(files.left_out), 0, 0, 0
    for block in decoded(files, predictor.image_size):
        left_out += [LeftOut(files.ids[row], reason) for row, reason in block.unreadable]
        for row, shares in zip(block.rows, predictor.probabilities(block.images), strict=True):
            found = predictor.classes[int(shares.argmax())]
            label = None if files.labels is None else files.labels[row]
            cells = [files.ids[row], *([] if label is None else [label]), found, f"{float(shares.max()):.6f}"]
            writer.writerow([*cells, *_probabilities(shares, predictor.classes)])
            labelled += label in predictor.classes
            right += label == found
        count += len(block.rows)
        progress(block.end / len(files), f"Classifying images: {block.end:,} of {len(files):,}")
    return Predicted(count, tuple(left_out), labelled, right)


def _header(classes: tuple[str, ...], labelled: bool) -> list[str]:
    start = ["id", *(["label"] if labelled else []), "prediction", "confidence"]
    if len(classes) <= ALL_CLASSES:
        return start + [f"p_{name}" for name in classes]
    return start + [name for i in range(MOST_PROBABLE) for name in (f"class_{i + 1}", f"p_{i + 1}")]


def _probabilities(shares: Tensor, classes: tuple[str, ...]) -> list[str]:
    if len(classes) <= ALL_CLASSES:
        return [f"{share:.6f}" for share in shares.tolist()]
    best, where = shares.topk(MOST_PROBABLE)
    return [
        cell
        for share, index in zip(best.tolist(), where.tolist(), strict=True)
        for cell in (classes[index], f"{share:.6f}")
    ]
