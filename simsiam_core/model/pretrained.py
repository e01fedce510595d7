"""Published weights of timm's networks: in an installed package, in a cache, or downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from simsiam_core.config.cache import cache_dir
from simsiam_core.data import Progress
from simsiam_core.data.download import DOWNLOAD_ERRORS, download, reason_of
from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.pretrained import BACKBONE, PACKAGE, weights_file


@dataclass(frozen=True)
class Published:
    """A file of published weights."""

    path: Path
    source: str  # address, or package
    licence: str | None  # as timm gives it
    by_order: bool = False  # whether its names are other than timm's, and only the order of tensors agrees


def published_weights(name: str, backbone: nn.Module, progress: Progress) -> Published:
    """Return the file of published weights of a network of timm, downloaded if necessary.

    `name` is that of `model.backbone`. A file is looked for in installed packages, in this program's cache and
    in the Hugging Face Hub's. Raises CheckpointError if there are no published weights, or with the address of
    the file and where to put it if it cannot be downloaded.
    """
    facts: Mapping[str, Any] = getattr(backbone, "pretrained_cfg", None) or {}
    licence = facts.get("license")
    if name == BACKBONE and (file := weights_file()) is not None:
        return Published(file, f"the package {PACKAGE.replace('_', '-')}", licence, by_order=True)
    if not (repository := facts.get("hf_hub_id")):
        raise CheckpointError(
            f"timm publishes no weights for {name}; choose another network or leave Start from weights empty."
        )
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

    name_there = facts.get("hf_hub_filename") or "model.safetensors"
    address = hf_hub_url(repository, name_there)
    target = cache_dir() / "weights" / f"{repository.rpartition('/')[2]}{Path(name_there).suffix}"
    if target.is_file():
        return Published(target, address, licence)
    if isinstance(cached := try_to_load_from_cache(repository, name_there), str):
        return Published(Path(cached), address, licence)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        download(address, target, lambda done, text: progress(done, f"Downloading {target.name}: {text}"))
    except DOWNLOAD_ERRORS as error:
        raise CheckpointError(
            f"The weights of {name} cannot be downloaded ({reason_of(error)}); fetch {address} and save it as {target}."
        ) from None
    return Published(target, address, licence)
