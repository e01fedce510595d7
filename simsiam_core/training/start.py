"""Starting point of a run: its newest checkpoint, with the matching metrics record and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simsiam_core.config import Config
from simsiam_core.data import Dataset, Progress
from simsiam_core.data.image_set import Triple
from simsiam_core.model.starting_weights import StartingWeights, starting_weights
from simsiam_core.runs import FIRST_STEP, Origin, RunDirectory, RunStore
from simsiam_core.runs.files import remove_leftovers
from simsiam_core.runs.metrics import cut_path, rewind
from simsiam_core.runs.weights import WEIGHTS_SOURCE
from simsiam_core.training.resume import FoundCheckpoint, newest
from simsiam_core.training.same_images import ImageList, check_same_images, image_list


@dataclass(frozen=True)
class StartingPoint:
    """State from which training starts or resumes."""

    checkpoint: FoundCheckpoint | None  # None to start at the first step
    origin: Origin | None  # where epoch counting starts, if not at the first step
    images: ImageList | None  # only for a folder
    mean: Triple  # of the normalisation, which is that of the weights that the run starts or started from
    std: Triple
    weights: StartingWeights | None  # only to start at the first step
    weights_source: Mapping[str, Any] | None  # see `runs.weights.weights_source`


def starting_point(
    run: RunDirectory, config: Config, dataset: Dataset, progress: Progress | None = None
) -> StartingPoint:
    """Find the newest checkpoint and put aside metrics recorded after it; without one, read `model.weights`.

    Weights are read only here: from the first checkpoint on, the run has its own copy. Raises ConfigError if
    the images are not those that the run was trained on, or the weights cannot be used.
    """
    remove_leftovers(run.checkpoints_dir)
    found, weights, source = newest(run), None, None
    if found:
        source = found.recipe.get(WEIGHTS_SOURCE)
    elif config.model.weights:
        report = progress or (lambda fraction, text: None)
        weights = starting_weights(config, RunStore(run.path.parent), report)
        source = weights.source
        print(weights.sentence, flush=True)
    if source and source.get("mean"):
        dataset = replace(dataset, mean=tuple(source["mean"]), std=tuple(source["std"]))
    images = image_list(config, dataset)
    origin = _origin(run, found)
    if found and not (origin and found.step <= origin.step):
        check_same_images(run, found, config, dataset, images)
    if images:
        images.write(run.images_path)
    if cut := rewind(run.metrics_path, found.step if found else -1):
        print(f"{cut} later lines of the record were put aside in {cut_path(run.metrics_path).name}.")
    return StartingPoint(found, origin, images, dataset.mean, dataset.std, weights, source)


def _origin(run: RunDirectory, found: FoundCheckpoint | None) -> Origin | None:
    """Return where epoch counting starts; if the checkpoints since then are lost, an earlier one replaces it."""
    origin = run.origin()
    if origin is None or (found and found.step >= origin.step):
        return origin
    earlier = Origin(found.step, found.epoch) if found else FIRST_STEP
    run.write_origin(earlier)
    return earlier
