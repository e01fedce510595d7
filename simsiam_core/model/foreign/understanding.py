"""What is understood of a foreign file, before it is imported: its network, weights and preprocessing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsiam_core.config import ConfigError, ModelConfig, find_field, parse
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.data.image_set import Triple
from simsiam_core.model.checkpoint import RECIPE, CheckpointError
from simsiam_core.model.foreign.content import ForeignFile
from simsiam_core.model.foreign.defaults import Preprocessing, preprocessing
from simsiam_core.model.foreign.identification import (
    SMALL_STEMS,
    WIDTHS,
    Candidate,
    built,
    candidates,
    is_named,
    settled,
    title,
)
from simsiam_core.model.foreign.matching import Match, checked, match
from simsiam_core.model.foreign.reading import Progress, read_file
from simsiam_core.names import printable


@dataclass(frozen=True)
class Wishes:
    """What a person says of a file instead of leaving it to be found; None: found, or the library's."""

    backbone: str | None = None  # as in `model.backbone`; a library may be left out
    stem: str | None = None  # of this program's ResNets
    image_size: int | None = None  # px
    mean: Triple | None = None  # per channel, on the scale 0..1
    std: Triple | None = None
    network: str | None = None  # one of several in the file: its prefix, or a part of it
    by_order: bool = False  # match by the order of shapes alone


@dataclass(frozen=True, eq=False)
class Understanding:
    """A file, the network it holds, and how images are prepared for it."""

    file: ForeignFile
    model: ModelConfig
    named: bool  # whether the file itself mentions the network's name
    match: Match
    feature_dim: int
    images: Preprocessing
    epoch: int | None  # that the file or its name tells
    equals: tuple[str, ...]  # further networks that fit as well


class AmbiguousNetworkError(CheckpointError):
    """Several networks fit a file equally and compute different features; one must be named."""

    def __init__(self, file: ForeignFile, choices: Sequence[Candidate]) -> None:
        self.choices = tuple(each.model for each in choices)
        by_stem = len({model.backbone for model in self.choices}) == 1
        names = ", ".join(model.stem if by_stem else title(model) for model in self.choices)
        self.sentence = (
            f"{file.name} fits {len(choices)} networks equally, which compute different features; name the one it "
            f"was: {names}."
        )
        super().__init__(
            self.sentence.replace(" it was:", f" it was with {'--stem' if by_stem else '--backbone'}:")
        )


def understand(
    paths: Sequence[Path], wishes: Wishes = Wishes(), progress: Progress | None = None
) -> list[Understanding]:
    """Understand files that hold one network at different times of its training, in the order of training.

    Raises CheckpointError, AmbiguousNetworkError, or ConfigError for an image size that the network cannot
    take; each is one sentence.
    """
    _check(wishes)
    found: list[Understanding] = []
    for path in paths:
        if found:  # the same network as in the first file
            same = found[0].model
            wishes = Wishes(**{**vars(wishes), "backbone": same.backbone, "stem": same.stem})
        try:
            found.append(_understood(read_file(path, progress), wishes, progress))
        except CheckpointError as error:
            name = printable(path.name)
            if len(paths) == 1 or name in str(error):
                raise
            raise CheckpointError(f"{name}: {error}") from None
        if found[-1].model != found[0].model:
            raise CheckpointError(
                f"{found[-1].file.name} holds {title(found[-1].model)}, and {found[0].file.name} "
                f"{title(found[0].model)}; import different networks one by one."
            )
    epochs = [each.epoch for each in found]
    if None not in epochs and len(set(epochs)) == len(epochs):
        found.sort(key=lambda each: each.epoch or 0)
    return found


def _check(wishes: Wishes) -> None:
    """Raise ConfigError for numbers out of bounds."""
    if wishes.image_size is not None:
        parse({"data": {"image_size": wishes.image_size}})
    for name, values in (("mean", wishes.mean), ("std", wishes.std)):
        if values and not all(0 <= v <= 1 for v in values):
            shown = ", ".join(f"{v:g}" for v in values)
            raise ConfigError.at(
                name, f"The {name} is {shown}; give it on the scale 0 to 1, as for 0.485,0.456,0.406."
            )
    if wishes.std and not all(wishes.std):
        raise ConfigError.at("std", "The standard deviation is 0 in a channel; it must be larger.")


def _understood(file: ForeignFile, wishes: Wishes, progress: Progress | None) -> Understanding:
    remaining, fitting = _candidates(file, wishes, progress)
    if len(remaining) > 1:
        raise AmbiguousNetworkError(file, remaining)
    chosen = _at_size(remaining[0], file, wishes)
    matched = match(file.tensors, chosen.backbone, by_order=wishes.by_order, network=wishes.network)
    checked(matched, file.tensors, chosen.backbone, chosen.title)
    # A library's network of the same name computes the same as ours.
    name = chosen.model.backbone.rpartition(":")[2]
    equals = [
        e.title for e in fitting if e.model != chosen.model and e.model.backbone.rpartition(":")[2] != name
    ]
    stems = [
        e.title for e in fitting if e.model.backbone == chosen.model.backbone and e.model != chosen.model
    ]
    images, width = _images(chosen, file, wishes), chosen.backbone.feature_dim
    named = is_named(chosen, file) and not wishes.backbone
    return Understanding(file, chosen.model, named, matched, width, images, epoch_of(file), (*equals, *stems))


def _candidates(
    file: ForeignFile, wishes: Wishes, progress: Progress | None
) -> tuple[list[Candidate], list[Candidate]]:
    """Return the candidates between which only a person can choose, and all that fit equally.

    Raises CheckpointError.
    """
    own = None if wishes.backbone else _own_model(file)
    if own is not None:
        models = [own]
    elif wishes.backbone:
        models = _named(wishes, file)
    elif wishes.by_order:
        raise CheckpointError("By the order of shapes alone no network is found; name it as well.")
    else:
        fitting = candidates(file, progress)
        named = [each for each in fitting if wishes.stem in (None, each.model.stem)]
        return settled(named or fitting, file), fitting
    size = wishes.image_size or _plain(file, "config.data.image_size")
    found = [each for model in models if (each := built(model, file.tensors, size)) is not None]
    if not found:
        raise CheckpointError(
            f"{title(models[0])} cannot be built for images of this size; choose another image size."
        )
    complete = [each for each in found if each.fit.complete]
    if wishes.by_order or not complete:  # what is missing is named where it is matched
        return ([max(found, key=lambda each: each.fit.matched)] if not wishes.by_order else found), []
    return settled(complete, file), complete if len(models) > 1 else []


def _named(wishes: Wishes, file: ForeignFile) -> list[ModelConfig]:
    """Return the networks that a name may mean. Raises CheckpointError for an unknown one."""
    name = wishes.backbone or ""
    if name in RESNETS:
        widths = [v.shape[0] for v in file.tensors.values() if v.ndim == 4 and v.shape[0] in WIDTHS]
        kernels = [v.shape[-1] for v in file.tensors.values() if v.ndim == 4 and v.shape[1] == 3]
        stems = ("imagenet",) if kernels[:1] == [7] else SMALL_STEMS
        chosen = (wishes.stem,) if wishes.stem else stems
        return [
            ModelConfig.model_validate({"backbone": name, "stem": s, "width": (widths or [64])[0]})
            for s in chosen
        ]
    names = [name] if ":" in name else _in_libraries(name)
    try:
        return [ModelConfig(backbone=each) for each in names]
    except ValueError as error:
        raise CheckpointError(str(error)) from None


def _in_libraries(name: str) -> list[str]:
    """Return a network's full name, for one without its library. Raises CheckpointError."""
    from simsiam_core.model.backbone import FAMILIES

    for family in sorted(FAMILIES.names):
        if f"{family}:{name}" in FAMILIES.get(family).names():
            return [f"{family}:{name}"]
    raise CheckpointError(f"There is no network {name!r}; `simsiam backbones` lists those there are.")


def _at_size(candidate: Candidate, file: ForeignFile, wishes: Wishes) -> Candidate:
    """Return the candidate for the image size wished, or the largest allowed. Raises ConfigError."""
    field = find_field("data.image_size")
    assert field is not None and field.maximum is not None
    size = wishes.image_size or min(candidate.image_size, int(field.maximum))
    if size == candidate.image_size:
        return candidate
    resized = built(candidate.model, file.tensors, size)
    if resized is None:
        raise ConfigError.at("data.image_size", f"{candidate.title} cannot take images of {size} px.")
    if resized.image_size != size:
        raise ConfigError.at(
            "data.image_size",
            f"The position embeddings in {file.name} are for images of {resized.image_size} px, not {size}.",
        )
    return resized


def _equals(chosen: Candidate, file: ForeignFile) -> tuple[str, ...]:
    others = (title(each.model) for each in candidates(file) if each.model != chosen.model)
    return tuple(dict.fromkeys(others))


def _images(chosen: Candidate, file: ForeignFile, wishes: Wishes) -> Preprocessing:
    library = preprocessing(chosen.model)
    mean, std, origin = library.mean, library.std, library.origin
    if (own := _plain(file, "mean")) and (own_std := _plain(file, "std")):
        mean, std, origin = tuple(own), tuple(own_std), "the file's own"
    if wishes.mean or wishes.std:
        mean, std, origin = wishes.mean or mean, wishes.std or std, "as given"
    return Preprocessing(chosen.image_size, mean, std, origin)


def _own_model(file: ForeignFile) -> ModelConfig | None:
    """Return the network of a checkpoint that this program wrote."""
    start = f"{RECIPE}.config.model."
    values = {name.removeprefix(start): v for name, v in file.plain.items() if name.startswith(start)}
    try:
        return ModelConfig.model_validate(values) if values else None
    except ValueError:
        return None


def _plain(file: ForeignFile, name: str) -> Any:
    """Return a value of the recipe in a checkpoint of this program; None elsewhere."""
    return file.plain.get(f"{RECIPE}.{name}")


def epoch_of(file: ForeignFile) -> int | None:
    """Return the epoch that a file or its name tells, as its program counts."""
    for key in (f"{RECIPE}.epochs_done", "epoch", "epochs", "state.epoch"):
        value = file.plain.get(key)
        if isinstance(value, int) and value >= 0:
            return value
    named = re.search(
        r"(?:epoch|ep|checkpoint|ckpt|step|iter)[-_=]?(\d{1,9})(?!\d)", file.name, re.IGNORECASE
    )
    return int(named[1]) if named else None
