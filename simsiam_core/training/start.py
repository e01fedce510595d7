"""Where a run starts or goes on: its newest checkpoint, with the record and the images that belong to it."""

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
    """What training goes on from."""

    checkpoint: FoundCheckpoint | None  # None for the first step
    origin: Origin | None  # where epochs are counted from, if not from the first step
    images: ImageList | None  # of a folder


def starting_point(run: RunDirectory, config: Config, dataset: Dataset) -> StartingPoint:
    """Find the newest checkpoint and take back what was measured after it.

    Raises ConfigError where the images are not those that the run was trained on.
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
    """Return where epochs are counted from; a checkpoint from before it, where the later ones are lost, takes
    its place.
    """
    origin = run.origin()
    if origin is None or (found and found.step >= origin.step):
        return origin
    earlier = Origin(found.step, found.epoch) if found else FIRST_STEP
    run.write_origin(earlier)
    return earlier
