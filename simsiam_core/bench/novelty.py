"""How well images of another folder are told from images like those of a data set, and the false alarms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import ImageSet
from simsiam_core.features import loaded, novelty
from simsiam_core.features.encode import encode
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.model.bundled import install
from simsiam_core.runs import RunStore


def measure(path: str | None = None, bank: str | None = None) -> dict[str, Any]:
    """Measure with the bundled encoder: strangers are the images of the folder `path`.

    The bank is the training images of the folder `bank`, or the textures. A half of its test images sets the
    threshold; the other half counts the false alarms.
    """
    if path is None:
        raise ConfigError.at(
            "path", "bench novelty needs --path FOLDER, the images that are to be found unlike."
        )
    encoder = _bundled()
    size = encoder.config.data.image_size
    config = DataConfig(source="textures", image_size=size)
    if bank:
        config = DataConfig(source="folder", path=str(Path(bank).resolve()), image_size=size)
    dataset = loaded.dataset(config)
    strangers = loaded.folder_dataset(str(Path(path).resolve()), size).train
    if dataset.test is None or len(dataset.test) < 2 * novelty.least_held_out():
        raise ConfigError.at(
            "bank", f"It takes {2 * novelty.least_held_out()} test images; this folder has fewer."
        )
    features = encode(encoder, dataset.train)
    order = torch.randperm(len(dataset.test), generator=torch.Generator().manual_seed(1))
    setting, counting = (dataset.test.select(rows) for rows in order.chunk(2))
    usual = novelty.measured(features, dataset.train, encode(encoder, setting), setting)
    alike, unlike = (_shares(usual, encoder, images, features) for images in (counting, strangers))
    limit = novelty.FALSE_ALARMS / 2
    return {
        "bank": f"{len(dataset.train):,} training images of {Path(bank).name if bank else 'textures'}",
        "images like them": len(counting),
        "images of the other folder": len(strangers),
        "AUROC": auroc(alike, unlike),
        "false alarms": float((alike <= limit).double().mean()),
        "found unlike": float((unlike <= limit).double().mean()),
    }


def auroc(alike: Tensor, unlike: Tensor) -> float:
    """Return the share of pairs in which the first of `alike` [A] and `unlike` [B] is greater; ties count half."""
    difference = alike[:, None] - unlike[None]
    return float((difference > 0).double().mean() + (difference == 0).double().mean() / 2)


def _shares(usual: novelty.Usual, encoder: Encoder, images: ImageSet, bank: Tensor) -> Tensor:
    """Return for each image the share of held-out images as unlike as it."""
    features = encode(encoder, images)
    return torch.tensor(
        [usual.judge(features[row : row + 1], images.images[row], bank).share for row in range(len(images))]
    )


def _bundled() -> Encoder:
    with tempfile.TemporaryDirectory() as folder:
        run = install(RunStore(Path(folder)))
        assert run is not None, "an empty folder gets the bundled encoder"
        return load_encoder(run.checkpoint("last").path)
