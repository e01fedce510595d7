"""What a result means: the same words as everywhere, on the figures that were measured here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simsiam_core.features.quality import quality
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.verdict import Verdict, verdict

ERRORS = 2.0  # standard errors by which two accuracies have to differ


def judged(run: RunDirectory, result: Mapping[str, Any]) -> Verdict:
    """Judge the network of a result; of fine-tuning, what starting from it was worth."""
    figures, tested = result["figures"], result["stamp"].get("test_images")
    tested = tested if isinstance(tested, int) and tested > 0 else None
    if not all(0 <= value <= 1 for name, value in figures.items() if name.endswith("accuracy")):
        return Verdict(
            "unknown", "An accuracy is not between 0 and 100 %: the file is damaged.", "Measure again."
        )
    if {"finetune/accuracy", "scratch/accuracy"} <= figures.keys():
        return _gain(figures["finetune/accuracy"], figures["scratch/accuracy"], tested)
    known = replace(quality(run, _checkpoint(result)).figures, untrained=result["epoch"] == 0)
    if "knn/accuracy" in figures:
        known = replace(known, knn=figures["knn/accuracy"], test_images=tested or known.test_images)
        known = replace(known, raw_pixels=figures.get("knn/raw_pixels_accuracy", known.raw_pixels))
    return verdict(replace(known, classes=len(result["details"].get("classes", ())) or known.classes))


def _checkpoint(result: Mapping[str, Any]) -> str:
    """The checkpoint by its epoch: `last` may be another one by now."""
    return f"epoch={result['epoch']:04d}"


def _gain(tuned: float, scratch: float, tested: int | None) -> Verdict:
    variance = tuned * (1 - tuned) + scratch * (1 - scratch)
    noise = ERRORS * (variance / tested) ** 0.5 if tested else 0.0
    beside = f"{tuned:.1%}, and {scratch:.1%} from random weights on as many labels and epochs"
    if tuned - scratch > noise:
        return Verdict("good", f"Worth starting from: fine-tuned {beside}.")
    step = "Fine-tune on fewer labels, where a good start counts most, or train the network longer."
    if scratch - tuned > noise:
        return Verdict("bad", f"Worse than no training before: fine-tuned {beside}.", step)
    return Verdict("warn", f"No gain beyond chance: fine-tuned {beside}.", step)
