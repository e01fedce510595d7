"""Adapting a preset to the user's images and to this machine: what is chosen, and why.

`adapt` looks at a sample of the images, chooses settings by the rules of `scratch` or `pretrained`, times a few
steps, and returns values that are complete: nothing is decided again later. A preset whose file says
`adapts: true` is adapted before a run is created from it, in the form and on the terminal alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from simsiam_core.config import merge, parse
from simsiam_core.config.sections.data import FOLDER
from simsiam_core.data import Progress
from simsiam_core.data.sources import source_of_path
from simsiam_core.data.survey import Survey, survey
from simsiam_core.features.knn import suited_k
from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.pretrained import BACKBONE
from simsiam_core.runs import Choices
from simsiam_core.training.adapt import pretrained, scratch
from simsiam_core.training.adapt.baseline import has_classes, raw_pixels_accuracy, raw_pixels_sentence
from simsiam_core.training.adapt.draft import Draft
from simsiam_core.training.device import resolve_device
from simsiam_core.training.estimate import predict

MINUTES = 5.0  # of training, kNN checks aside
ASSUMED_RATE = 500.0  # images a second, where no step can be timed because every GPU is at work
CHECKS = 10  # kNN checks and checkpoints of a run


@dataclass(frozen=True)
class Adapted:
    """A preset as it suits some images and a machine: the nested values of a config, and what was chosen."""

    values: dict[str, Any]
    choices: Choices


def adapt(
    preset: str,
    given: Mapping[str, Any],
    minutes: float = MINUTES,
    images_per_second: float | None = None,
    progress: Progress | None = None,
) -> Adapted:
    """Choose settings for the images in `given["data"]` and this machine; `given` values stay as they are.

    `given` holds only what somebody chose, such as the source and path of the images, and not a whole form.
    For the form and the terminal; takes some seconds and imports torch, so call it in the worker process:
    `task = worker.submit(adapt, name, given)`, then fill the form with `task.result().values` and list
    `explain(task.result())` beside it. `images_per_second` is the pace of training to assume instead of
    timing steps. Raises ConfigError, as at data.path for a folder that cannot be used.
    """
    given = _with_source(given)
    config = parse({name: given[name] for name in ("data", "training") if name in given})
    seen, gpu = survey(config.data, progress), resolve_device(config.training)[0] == "gpu"
    draft = Draft(given)
    report = progress or (lambda fraction, text: None)
    recipe = pretrained if _from_weights(given) and not _below_raw_pixels(draft, seen, report) else scratch
    recipe.choose(draft, seen, gpu)
    _knn(draft, seen)
    report(1.0, "Timing a few steps")
    limits = recipe.LEAST_EPOCHS, recipe.MOST_EPOCHS
    _length(draft, seen, limits, minutes, images_per_second)
    said = _sentences(seen, gpu) + raw_pixels_sentence(seen, from_weights=recipe is pretrained)
    return Adapted(draft.all_values, Choices(preset=preset, seen=tuple(said), chosen=tuple(draft.choices)))


def explain(adapted: Adapted) -> list[str]:
    """Return sentences on what was seen of the images and the machine, and on each choice with its reason."""
    return list(adapted.choices.sentences)


def _with_source(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the source that reads what lies at the path: a table of images is no folder."""
    data = given.get("data", {})
    if data.get("source") != FOLDER or not data.get("path"):
        return dict(given)
    return merge(given, {"data": {"source": source_of_path(str(data["path"]))}})


def _from_weights(given: Mapping[str, Any]) -> bool:
    model = given.get("model", {})
    if "weights" in model:
        return bool(model["weights"])
    return model.get("backbone", BACKBONE) == BACKBONE and pretrained.at_hand()


def _below_raw_pixels(draft: Draft, seen: Survey, report: Progress) -> bool:
    """Return whether the pretrained network is below raw pixels in the sample; random weights are chosen then.

    Weights or a backbone that somebody asked for are not compared.
    """
    if draft.is_given("model.weights") or draft.is_given("model.backbone") or not has_classes(seen):
        return False
    report(1.0, "Comparing the pretrained network with raw pixels")
    try:
        pixels, frozen = raw_pixels_accuracy(seen), pretrained.frozen_accuracy(seen)
    except CheckpointError:
        return False  # told when the run reads the file
    if pixels - frozen <= 2 * sqrt(
        pixels * (1 - pixels) / len(seen.sample)
    ):  # standard errors of so few images
        return False
    why = f"the pretrained network names the class of {frozen:.0%} of the sample, raw pixels of {pixels:.0%}"
    draft.choose("model.weights", "", why)
    return True


def _knn(draft: Draft, seen: Survey) -> None:
    if not seen.class_sizes:
        return
    k = suited_k(seen.class_size, seen.images)
    draft.choose("knn.k", k, f"a tenth of a class of {seen.class_size:,} images; from 5 to 200")
    draft.choose("knn.temperature", 0.1, "with so few neighbours it hardly matters")


def _length(draft: Draft, seen: Survey, limits: tuple[int, int], minutes: float, rate: float | None) -> None:
    """Choose as many epochs as fit into some minutes, within limits, and what is counted in epochs."""
    if rate is None:
        rate = predict(draft.all_values).images_per_second or ASSUMED_RATE
    fitting = int(60 * minutes * rate / seen.images)
    least, most = limits
    epochs = max(least, min(most, fitting))
    why = speed = f"{minutes:g} minutes at {rate:,.0f} images a second"
    if epochs > fitting:
        why = f"fewer would hardly change the network; longer than {speed}"
    elif epochs < fitting:
        why = f"more would repeat these images too often; less than {speed}"
    draft.choose("training.epochs", epochs, why)
    epochs = draft.value("training.epochs")
    every = max(1, epochs // CHECKS)
    draft.choose("optimiser.warmup_epochs", min(5, epochs // 10), "a tenth of the epochs, at most 5")
    draft.choose_all(
        {"knn.knn_every": every, "checkpoints.checkpoint_every": every}, f"about {CHECKS} times in the run"
    )


def _sentences(seen: Survey, gpu: bool) -> list[str]:
    classes = (
        f"{len(seen.class_sizes)} classes of about {seen.class_size:,}"
        if seen.class_sizes
        else "without labels, so that accuracy cannot be measured"
    )
    sizes = f"{seen.side} px" if seen.smallest == seen.largest else f"{seen.smallest} to {seen.largest} px"
    colour = "without colour" if seen.grey else "in colour"
    return [
        f"Images: {seen.images:,}, {classes}; shorter side {sizes}, {colour}; their layouts correlate by "
        f"{seen.alike:.2f} (0: unrelated, 1: all the same).",
        f"Machine: {'a GPU' if gpu else 'a CPU'}.",
    ]
