"""Recognising which network a file holds: candidates by names and shapes, compared exactly.

Candidates are this program's ResNets of any width, and what the catalogue proposes. They are built on the meta
device, without values. Those that fit equally are compared by what they compute: if it is the same, the name
makes no difference.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.config.sections.network import RESNET_FAMILY, RESNETS, backbone_family
from simsiam_core.model.backbone import Backbone, build_backbone
from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.catalogue import SIZED, near, proposed, unlisted
from simsiam_core.model.foreign.content import ForeignFile
from simsiam_core.model.foreign.defaults import preprocessing
from simsiam_core.model.foreign.matching import IN_A_ROW, SHORTCUTS, Fit, all_fits, match
from simsiam_core.model.foreign.reading import Progress

SMALL_STEMS = ("cifar", "cifar-padded", "cifar-linear", "stride2")  # with equal shapes
WIDTHS = range(8, 257)  # of this program's ResNets
SAME = 1e-5  # largest relative difference of features of networks that compute the same
MISSING_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network, built without values for images of a size in px, and how it fits a file."""

    model: ModelConfig
    image_size: int
    backbone: Backbone  # on the meta device
    fit: Fit

    @property
    def title(self) -> str:
        """The network's name, with what else a choice between equal ones needs: `resnet18, stem cifar`."""
        return title(self.model)


def title(model: ModelConfig) -> str:
    """Return the name of a network as a choice shows it."""
    if backbone_family(model.backbone) != RESNET_FAMILY:
        return model.backbone
    width = f", width {model.width}" if model.width != ModelConfig().width else ""
    return f"{model.backbone}, stem {model.stem}{width}"


def candidates(file: ForeignFile, progress: Progress | None = None) -> list[Candidate]:
    """Return the networks that are completely in a file, those with most of its tensors alone.

    Raises CheckpointError naming the nearest network if there is none.
    """
    found: list[Candidate] = []
    nearest: Candidate | None = None
    for models in (_models(file.tensors), _newer_models(), _near_models(file.tensors)):
        fewest = 0  # tensors of the networks that fit
        for model, count in models:
            if count < fewest:
                break  # it is a part of one of those that fit
            if progress is not None:
                progress(0.5, f"Comparing with {model.backbone}")
            candidate = built(model, file.tensors)
            if candidate is None:
                continue
            if candidate.fit.complete:
                found.append(candidate)
                fewest = count
            if nearest is None or candidate.fit.matched > nearest.fit.matched:
                nearest = candidate
        if found:
            most = max(each.fit.total for each in found)
            return [each for each in found if each.fit.total == most]
    raise CheckpointError(_nothing_fits(file, nearest))


def built(
    model: ModelConfig, tensors: Mapping[str, Tensor], image_size: int | None = None
) -> Candidate | None:
    """Build a network without values for the image size that its tensors in the file are for.

    Returns None for a network that cannot be built here. `image_size`, in px, is for a network that takes any.
    """
    size = image_size or preprocessing(model).image_size
    try:
        candidate = _candidate(model, size, tensors)
        found = _size_in_file(candidate, tensors)
        return candidate if found == size else _candidate(model, found, tensors)
    except ConfigError:
        return None


def settled(found: Sequence[Candidate], file: ForeignFile) -> list[Candidate]:
    """Return the candidates that remain after what can be told apart: one, unless a person must choose."""
    named = [each for each in found if is_named(each, file)]
    if len(named) == 1:
        return named
    # Some variants in timm have torchvision's names and shapes too, such as those with blurred pooling. A file of
    # these names is taken for torchvision's network.
    theirs = [each for each in found if backbone_family(each.model.backbone) == "torchvision"]
    remaining = theirs or list(found)
    remaining = _with_the_stem_told(remaining)
    different: list[Candidate] = []
    outputs: list[Tensor] = []
    for each in remaining if len(remaining) > 1 else ():
        output = _features(each, file.tensors, remaining[0].image_size)
        if not any(_same(output, other) for other in outputs):
            different.append(each)
            outputs.append(output)
    return different or remaining


def _with_the_stem_told(found: list[Candidate]) -> list[Candidate]:
    """Return the ResNets with the stem that their layout tells, or those of any but `cifar-linear`.

    lightly's examples and many CIFAR ResNets call downsampling a shortcut, and have a stem without stride. A
    sequence of all layers that has no number for an activation has none.
    """
    layout = found[0].fit.layout
    told = "cifar-linear" if IN_A_ROW in layout else "cifar" if SHORTCUTS in layout else None
    others = [each for each in found if each.model.stem != "cifar-linear"]
    return [each for each in found if told == each.model.stem] or others or found


def _models(tensors: Mapping[str, Tensor]) -> Iterator[tuple[ModelConfig, int]]:
    """Yield networks that may be in a file, with their numbers of tensors, large ones first.

    This program's ResNets with the first layers in the file come first. If one of them fits, the others are not
    looked at: they have its names and shapes, or the file has further layers.
    """
    first = [value.shape for value in tensors.values() if value.ndim == 4 and value.shape[1] == 3]
    for width, _, kernel, _ in dict.fromkeys(first):
        stems = {7: ("imagenet",), 3: SMALL_STEMS}.get(kernel, ())
        for stem in stems if width in WIDTHS else ():
            for name in RESNETS:
                model = {"backbone": name, "stem": stem, "width": width}
                yield ModelConfig.model_validate(model), sys.maxsize
    for name, count in proposed(tensors):
        yield ModelConfig(backbone=name), count


def _newer_models() -> Iterator[tuple[ModelConfig, int]]:
    """Yield the networks of releases newer than the catalogue, which are looked through where nothing else fits."""
    for name in unlisted():
        yield ModelConfig(backbone=name), sys.maxsize


def _near_models(tensors: Mapping[str, Tensor]) -> Iterator[tuple[ModelConfig, int]]:
    """Yield the networks that come nearest, which are named where none fits."""
    for name in near(tensors):
        yield ModelConfig(backbone=name), sys.maxsize


def _candidate(model: ModelConfig, image_size: int, tensors: Mapping[str, Tensor]) -> Candidate:
    with torch.device("meta"):
        backbone = build_backbone(model, image_size)
    return Candidate(model, image_size, backbone, all_fits(tensors, backbone.state_dict())[0])


def _size_in_file(candidate: Candidate, tensors: Mapping[str, Tensor]) -> int:
    """Return the image size, in px, that the shapes of position embeddings in a file are for.

    It is the candidate's where something else does not fit either.
    """
    expected, fit = candidate.backbone.state_dict(), candidate.fit
    if not (fit.missing or fit.extra) and all(SIZED.search(name) for name in fit.reshaped):
        for name, source in fit.reshaped.items():
            ours, theirs = _grid(expected[name].shape), _grid(tensors[source].shape)
            if ours and theirs:
                return round(candidate.image_size * theirs / ours)
    return candidate.image_size


def _grid(shape: torch.Size) -> int:
    """Return the side of the grid that an embedding is for: tokens, or offsets between them."""
    if len(shape) == 4:  # [1, D, H, W]
        return shape[-1]
    tokens = shape[1] if len(shape) == 3 else shape[0]  # [1, N, D] or [(2w − 1)², heads]
    side = math.isqrt(tokens)  # further tokens, such as a class token, are fewer than the next square
    return side if len(shape) == 3 else (side + 1) // 2


def _features(candidate: Candidate, tensors: Mapping[str, Tensor], image_size: int) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(1, 3, image_size, image_size)
        network = build_backbone(candidate.model, candidate.image_size).eval()
    network.load_state_dict(match(tensors, candidate.backbone, network=candidate.fit.prefix).weights)
    with torch.inference_mode():
        return network(images)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).norm() <= SAME * one.norm())


def is_named(candidate: Candidate, file: ForeignFile) -> bool:
    """Return whether the file itself mentions the network's name, such as `arch` beside the weights."""
    mentioned = (value for value in file.plain.values() if isinstance(value, str))
    return _bare(candidate) in map(_comparable, mentioned)


def _bare(candidate: Candidate) -> str:
    return _comparable(candidate.model.backbone.rpartition(":")[2])


def _comparable(name: str) -> str:
    return name.lower().replace("-", "_")


def _nothing_fits(file: ForeignFile, nearest: Candidate | None) -> str:
    sentence = f"{file.name}: none of the networks known here fits it"
    if nearest is not None and nearest.fit.matched:
        fit = nearest.fit
        lacking = [*fit.missing, *fit.reshaped, *fit.extra][:MISSING_SHOWN]
        counted = f"{fit.matched} of {fit.total} tensors match, not {', '.join(lacking)}"
        sentence += f"; nearest is {nearest.title} ({counted})"
    return f"{sentence}. Name its network, and have it matched by order if only its tensors' names differ."
