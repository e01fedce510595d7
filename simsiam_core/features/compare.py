"""Comparison of checkpoints: how neighbours, predictions and maps of the same images differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.maps import Map
from simsiam_core.features.retrieval import Answer, Question, neighbours
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from simsiam_core.data import Progress
    from simsiam_core.features.sample import Sample

Network = tuple[Path, str]  # run folder and checkpoint name


@dataclass(frozen=True)
class Change:
    """An image's rank, from 1, among the neighbours before and after; None if it is not among them."""

    id: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Mover:
    """An image, the share of its neighbours that both networks agree on, and those only one of them has."""

    image: ImageRecord
    kept: float
    left: tuple[ImageRecord, ...]
    came: tuple[ImageRecord, ...]


def ask_all(
    networks: Sequence[Network], question: Question, progress: Progress | None = None
) -> tuple[Answer, ...]:
    """Return the answer of each network to the same question."""
    answers = []
    for index, (run_path, checkpoint) in enumerate(networks):

        def report(fraction: float, text: str, index: int = index, name: str = checkpoint) -> None:
            if progress is not None:
                progress((index + fraction) / len(networks), f"{name}: {text}")

        answers.append(neighbours(run_path, checkpoint, question, progress=report))
    return tuple(answers)


def changes(before: Sequence[str], after: Sequence[str]) -> tuple[Change, ...]:
    """Return the ranks of every id in either list: those of `after`, in order, then the dropped ones."""
    rank_before = {image_id: rank for rank, image_id in enumerate(before, start=1)}
    rank_after = {image_id: rank for rank, image_id in enumerate(after, start=1)}
    gone = [image_id for image_id in before if image_id not in rank_after]
    return tuple(Change(i, rank_before.get(i), rank_after.get(i)) for i in [*after, *gone])


def movers(
    first: Network,
    second: Network,
    split: str,
    size: int,
    k: int = 15,
    limit: int = 60,
    progress: Progress | None = None,
) -> tuple[Mover, ...]:
    """Return the images whose neighbours two networks agree on least, lowest agreement first.

    Images with the same agreement are in random order, the same every time: images are sorted by class, and
    where many have no neighbour in common the first class would have the list to itself. Neighbours are compared
    rather than map positions: a layout can change without any neighbour changing.
    Raises ConfigError if the two samples do not contain the same images.
    """
    import torch

    from simsiam_core.features import loaded

    samples = _same_images(first, second, split, size, progress)
    one, two = (points.neighbours(k, progress)[1] for points in samples)
    shared = (one[:, :, None] == two[:, None, :]).any(dim=2)
    kept = shared.float().mean(dim=1)
    images = loaded.split(RunDirectory(first[0]).config().data, split)
    rows = samples[0].rows
    found = []
    shuffled = torch.randperm(len(kept), generator=torch.Generator().manual_seed(0))
    for i in shuffled[kept[shuffled].argsort(stable=True)][:limit].tolist():
        left = one[i][~shared[i]][:3].tolist()
        came = two[i][~torch.isin(two[i], one[i])][:3].tolist()
        pick = [tuple(inspection.image_record(images, int(rows[j])) for j in part) for part in (left, came)]
        found.append(Mover(inspection.image_record(images, int(rows[i])), float(kept[i]), pick[0], pick[1]))
    return tuple(found)


def predictions(
    first: Network, second: Network, split: str, size: int, progress: Progress | None = None
) -> np.ndarray:
    """Return the second network's kNN predictions for the points of the first one's map: classes, int16 [N].

    Raises ConfigError if the images differ or have no labels.
    """
    from simsiam_core.features import maps

    _same_images(first, second, split, size, progress)
    found = maps.facts(*second, MapSettings(split=split, sample=size), progress).predictions
    if found is None:
        raise ConfigError.at("second", "These images have no labels, so no network predicts any.")
    return found


def second_map(
    first: Network, second: Network, settings: MapSettings, progress: Progress | None = None
) -> Map:
    """Return the second network's map of the same images, aligned to the first map by Procrustes analysis."""
    from simsiam_core.features import maps, projection

    _same_images(first, second, settings.split, settings.sample, progress)
    fixed = maps.draw_map(*first, settings, progress)
    moving = maps.draw_map(*second, settings, progress)
    return replace(moving, coordinates=projection.procrustes(moving.coordinates, fixed.coordinates))


def _same_images(
    first: Network, second: Network, split: str, size: int, progress: Progress | None
) -> tuple[Sample, Sample]:
    from simsiam_core.features import sample

    one, two = (
        sample.sampled(RunDirectory(path), name, split, size, progress) for path, name in (first, second)
    )
    if one.ids != two.ids:
        raise ConfigError.at(
            "second", "The two runs do not have the same images, so they cannot be laid beside each other."
        )
    return one, two
