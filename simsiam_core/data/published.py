"""CIFAR-10, CIFAR-100 and STL-10: downloaded once, verified and unpacked with torchvision, cached decoded."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor
from torchvision.datasets.utils import check_integrity, extract_archive

from simsiam_core.config import ConfigError
from simsiam_core.config.cache import cache_dir
from simsiam_core.data.cache import Contents, Progress, stored
from simsiam_core.data.download import DOWNLOAD_ERRORS, download, reason_of
from simsiam_core.data.image_set import Splits


def load_published(name: str, class_name: str, image_size: int, progress: Progress) -> tuple[Splits, str]:
    """Return the resized train and test images of a `torchvision.datasets` class, and their cache's name.

    Ids such as "train/00042" give the position in the published files. Raises ConfigError at data.source if
    the data set is not cached and cannot be downloaded.
    """
    key, dataset_class = f"{name}-{image_size}", getattr(torchvision.datasets, class_name)
    return stored(
        key, image_size, lambda pixels: _decode(name, dataset_class, image_size, pixels, progress)
    ), key


def _decode(name: str, dataset_class: Any, image_size: int, pixels: BinaryIO, progress: Progress) -> Contents:
    ids, labels, classes = list[str](), list[int](), list[str]()
    archive = _archive(name, dataset_class, lambda fraction, text: progress(0.8 * fraction, text))
    progress(0.8, f"Unpacking {archive.name}")
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=archive.parent) as unpacked:
        extract_archive(archive, unpacked)
        for part in ("train", "test"):
            progress(0.9 if part == "train" else 0.95, f"Reading the {part} images of {name}")
            dataset = _read(dataset_class, Path(unpacked), part)
            images = torch.from_numpy(np.ascontiguousarray(dataset.data))
            images = images.permute(0, 3, 1, 2) if images.shape[-1] == 3 else images
            for chunk in images.split(1000):
                pixels.write(_resized(chunk, image_size).numpy().tobytes())
            ids += [f"{part}/{index:05d}" for index in range(len(images))]
            labels += [int(label) for label in getattr(dataset, "targets", None) or dataset.labels.tolist()]
            classes = list(dataset.classes)
    return Contents(ids, labels, classes, sum(i.startswith("train/") for i in ids), [])


def _read(dataset_class: Any, unpacked: Path, part: str) -> Any:
    """Return a split; torchvision's classes take either its name or a boolean `train`."""
    by_name = "split" in inspect.signature(dataset_class).parameters
    return dataset_class(unpacked, part if by_name else part == "train")


def _resized(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images.contiguous()
    return F.interpolate(images.contiguous(), (size, size), mode="bilinear", antialias=True)


def _archive(name: str, dataset: Any, progress: Progress) -> Path:
    """Return the published archive, downloaded if not cached. Raises ConfigError on failure or damage."""
    target = cache_dir() / "downloads" / dataset.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        try:
            download(
                dataset.url, target, lambda fraction, text: progress(fraction, f"Downloading {name}: {text}")
            )
        except DOWNLOAD_ERRORS as error:
            raise ConfigError.at(
                "data.source",
                f"{name} cannot be downloaded ({reason_of(error)}); put {dataset.filename} from {dataset.url} into "
                f"{target.parent}, or choose the source 'folder' or 'textures'.",
            ) from None
    progress(1.0, f"Checking {target.name}")
    if not check_integrity(target, dataset.tgz_md5):
        raise ConfigError.at(
            "data.source", f"{target} is damaged or incomplete; delete it, and it is downloaded afresh."
        )
    return target
