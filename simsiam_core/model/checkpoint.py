"""Checkpoint loading: checkpoints are self-contained and loaded with `weights_only=True`."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from simsiam_core.config import Config, ConfigError, parse
from simsiam_core.data.image_set import Triple
from simsiam_core.model.backbone import Backbone, build_backbone
from simsiam_core.model.memory_format import channels_last
from simsiam_core.runs.header import RECIPE as RECIPE

BACKBONE_PREFIX = "network.backbone."


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is a single sentence."""


@dataclass(frozen=True)
class Encoder:
    """A trained backbone in evaluation mode, with everything needed to encode images."""

    backbone: Backbone
    config: Config
    mean: Triple
    std: Triple
    classes: tuple[str, ...]
    epoch: int  # epochs trained
    step: int

    @property
    def dim(self) -> int:
        """Width of the features."""
        return self.backbone.feature_dim


def recipe(
    config: Config,
    mean: Sequence[float],
    std: Sequence[float],
    classes: Sequence[str],
    epochs_done: int,
    images: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a checkpoint's metadata besides the weights, in plain types that `weights_only=True` accepts.

    `images` identifies the training data if it can change, as in a folder.
    """
    return {
        "config": config.model_dump(mode="json"),
        "mean": list(mean),
        "std": list(std),
        "classes": list(classes),
        "epochs_done": epochs_done,
        **({} if images is None else {"images": dict(images)}),
    }


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Return the file's content. Raises CheckpointError if it is missing, damaged or from another program."""
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"Checkpoint {path.name} is no longer there; choose another one.") from None
    except Exception:  # torch raises many undocumented types for damaged files
        raise CheckpointError(
            f"Checkpoint {path.name} is damaged or no checkpoint; choose another one of this run."
        ) from None
    if not isinstance(content, dict) or not {RECIPE, "state_dict"} <= content.keys():
        raise CheckpointError(f"{path.name} was not written by this program: it does not carry its recipe.")
    return content


def load_encoder(path: Path, device: str = "cpu") -> Encoder:
    """Load the backbone of a checkpoint, without the heads. Raises CheckpointError."""
    content = read_checkpoint(path, device)
    weights = {
        name.removeprefix(BACKBONE_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(BACKBONE_PREFIX)
    }
    plain = content[RECIPE]
    try:
        config = parse(plain["config"], stored=True)
        backbone = channels_last(build_backbone(config.model, config.data.image_size).to(device))
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
    """Return a content hash of a checkpoint, from the checksums in its archive, without reading the weights.

    It is the same for a copy, whatever its modification time, and for a link such as `last.ckpt`, which
    points to the newest numbered checkpoint: they share their caches. Raises OSError.
    """
    stat = path.stat()
    return _fingerprint(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=1024)
def _fingerprint(path: Path, version: tuple[int, ...]) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [(member.filename, member.file_size, member.CRC) for member in archive.infolist()]
        content = repr(
            [(name.partition("/")[2], *rest) for name, *rest in members]
        )  # without the file's own name
    except zipfile.BadZipFile:  # cannot be loaded: identified by file status, so any change counts
        content = repr(version)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
