"""Starting point of a run: its newest checkpoint, with the matching metrics record and images."""

from __future__ import annotations

from dataclasses import dataclass

from simsiam_core.config import Config
from simsiam_core.data import Dataset
from simsiam_core.runs import FIRST_STEP, Origin, RunDirectory
from simsiam_core.runs.files import remove_leftovers
from simsiam_core.runs.metrics import cut_path, rewind
from simsiam_core.training.resume import FoundCheckpoint, newest
from simsiam_core.training.same_images import ImageList, check_same_images, image_list


@dataclass(frozen=True)
class StartingPoint:
    """State from which training starts or resumes."""

    checkpoint: FoundCheckpoint | None  # None to start at the first step
    origin: Origin | None  # where epoch counting starts, if not at the first step
    images: ImageList | None  # only for a folder


def starting_point(run: RunDirectory, config: Config, dataset: Dataset) -> StartingPoint:
    """Find the newest checkpoint and put aside metrics recorded after it.

    Raises ConfigError if the images are not those that the run was trained on.
    """
    remove_leftovers(run.checkpoints_dir)
    found = newest(run)
    images = image_list(config, dataset)
    origin = _origin(run, found)
    if found and not (origin and found.step <= origin.step):
        check_same_images(run, found, config, dataset, images)
    if images:
        images.write(run.images_path)
    if cut := rewind(run.metrics_path, found.step if found else -1):
        print(f"{cut} later lines of the record were put aside in {cut_path(run.metrics_path).name}.")
    return StartingPoint(found, origin, images)


def _origin(run: RunDirectory, found: FoundCheckpoint | None) -> Origin | None:
    """Return where epoch counting starts; if the checkpoints since then are lost, an earlier one replaces it."""
    origin = run.origin()
    if origin is None or (found and found.step >= origin.step):
        return origin
    earlier = Origin(found.step, found.epoch) if found else FIRST_STEP
    run.write_origin(earlier)
    return earlier
