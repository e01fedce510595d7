"""Reading checkpoints: each carries what rebuilds its network, and is loaded with `weights_only=True`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simsiam_core.config import Config, ConfigError, parse
from simsiam_core.data.image_set import Triple
from simsiam_core.model.backbone import ResNet, build_backbone

RECIPE = "simsiam"  # the key under which a checkpoint keeps what `recipe` returns
BACKBONE_PREFIX = "network.backbone."


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Encoder:
    """A trained backbone in evaluation mode, and all that it takes to encode an image with it."""

    backbone: ResNet
    config: Config
    mean: Triple
    std: Triple
    classes: tuple[str, ...]
    epoch: int  # epochs trained
    step: int

    @property
    def dim(self) -> int:
        """Width of the features."""
        return self.backbone.dim


def recipe(
    config: Config, mean: Sequence[float], std: Sequence[float], classes: Sequence[str], epochs_done: int
) -> dict[str, Any]:
    """What a checkpoint carries beside its weights, in the plain types that `weights_only=True` accepts."""
    return {
        "config": config.model_dump(mode="json"),
        "mean": list(mean),
        "std": list(std),
        "classes": list(classes),
        "epochs_done": epochs_done,
    }


def read_checkpoint(path: Path, device: str = "cpu", *, mapped: bool = False) -> dict[str, Any]:
    """The file's content. Raises CheckpointError if it is missing, damaged or not one of ours.

    `mapped` leaves weights on disk until they are used: for who wants to know what a checkpoint is.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except FileNotFoundError:
        raise CheckpointError(f"Checkpoint {path.name} is no longer there; choose another one.") from None
    except Exception:  # torch raises a dozen kinds for a damaged file, none of them documented
        raise CheckpointError(
            f"Checkpoint {path.name} is damaged or no checkpoint; choose another one of this run."
        ) from None
    if not isinstance(content, dict) or not {RECIPE, "state_dict"} <= content.keys():
        raise CheckpointError(f"{path.name} was not written by this program: it does not carry its recipe.")
    return content


def load_encoder(path: Path, device: str = "cpu") -> Encoder:
    """The backbone of a checkpoint, without the heads. Raises CheckpointError."""
    content = read_checkpoint(path, device)
    weights = {
        name.removeprefix(BACKBONE_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(BACKBONE_PREFIX)
    }
    plain = content[RECIPE]
    try:
        config = parse(plain["config"], stored=True)
        backbone = build_backbone(config.model).to(device).to(memory_format=torch.channels_last)
        backbone.load_state_dict(weights)
        return Encoder(
            backbone=backbone.eval().requires_grad_(False),
            config=config,
            mean=tuple(plain["mean"]),
            std=tuple(plain["std"]),
            classes=tuple(plain["classes"]),
            epoch=int(plain["epochs_done"]),
            step=int(content["global_step"]),
        )
    except (KeyError, TypeError, ConfigError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"Checkpoint {path.name} does not fit its own recipe: {reason}") from None


def fingerprint(path: Path) -> str:
    """Identity of a checkpoint within its run, without reading it: size and time of writing.

    `last.ckpt` is a link to the newest numbered checkpoint, and so shares its identity and its caches.
    """
    stat = path.stat()
    return hashlib.sha256(f"{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:16]
