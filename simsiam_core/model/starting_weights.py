"""Weights of a backbone that training starts from: read, matched tensor by tensor, never in part."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from simsiam_core.config import Config, ConfigError
from simsiam_core.config.sections.network import PRETRAINED
from simsiam_core.data import Progress
from simsiam_core.model.backbone import build_backbone
from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.defaults import preprocessing
from simsiam_core.model.foreign.matching import Match, checked, described, match
from simsiam_core.model.foreign.reading import read_file
from simsiam_core.model.pretrained import published_weights
from simsiam_core.runs import RunStore
from simsiam_core.runs.weights import described_backbone, weights_file


@dataclass(frozen=True, eq=False)
class StartingWeights:
    """Weights to start from, and what a checkpoint's recipe says of them."""

    weights: Mapping[str, Tensor]  # under the backbone's names
    source: dict[str, Any]  # see `runs.weights.weights_source`
    sentence: str  # for the log


def starting_weights(config: Config, store: RunStore, progress: Progress) -> StartingWeights:
    """Read the weights that `model.weights` names. Raises ConfigError at `model.weights`, with one sentence."""
    backbone = build_backbone(config.model, config.data.image_size)
    by_order, header, licence, place = False, None, None, ""
    try:
        if config.model.weights == PRETRAINED:
            published = published_weights(config.model.backbone, backbone, progress)
            path, name, by_order = published.path, published.source, published.by_order
            licence, place = published.licence, f" It lies in {path.parent}."
        else:
            path, name, header = weights_file(config, store)
        found, sha256 = _matched(path, backbone, described_backbone(config.model), by_order, progress)
    except CheckpointError as error:
        raise ConfigError.at("model.weights", f"{error}{place}") from None
    sentence = f"Starting from {name}: {found.matched} of {found.total} tensors"
    mean: Sequence[float]
    std: Sequence[float]
    if header is not None:  # what is left over of a run's checkpoint is its heads
        mean, std = header.recipe["mean"], header.recipe["std"]
        licence = header.recipe.get("licence")
    else:
        usual = preprocessing(config.model)
        mean, std = usual.mean, usual.std
        if found.left_over:
            sentence += f"; left over: {', '.join(described(found.left_over))}"
        sentence += f"; normalisation: {usual.origin}"
    source = {"from": name, "sha256": sha256, "mean": list(mean), "std": list(std)}
    return StartingWeights(found.weights, source | ({"licence": licence} if licence else {}), f"{sentence}.")


def _matched(
    path: Path, backbone: nn.Module, name: str, by_order: bool, progress: Progress
) -> tuple[Match, str]:
    """Return a complete match of a file with a backbone, and the file's sha256. Raises CheckpointError."""
    file = read_file(path, progress)
    tensors = file.tensors
    found = match(tensors, backbone, by_order=by_order)
    if found.fit.reshaped and not found.fit.missing and (resample := _resampling(backbone)):
        sources = {**found.fit.sources, **found.fit.reshaped}
        tensors = resample({ours: tensors[theirs] for ours, theirs in sources.items()}, backbone)
        left_over = tuple(name for name in found.left_over if name not in sources.values())
        found = replace(match(tensors, backbone), left_over=left_over)
    return checked(found, tensors, backbone, name), file.sha256


def _resampling(backbone: nn.Module) -> Callable[..., dict[str, Tensor]] | None:
    """Return a library's function that resamples position embeddings to a network's image size, if there is one."""
    if isinstance(backbone, VisionTransformer):
        return lambda tensors, network: interpolate_embeddings(
            network.image_size, network.patch_size, OrderedDict(tensors)
        )
    return getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)  # timm's
