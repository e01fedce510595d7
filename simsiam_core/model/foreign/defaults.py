"""What a library says of its networks: the size and the normalisation of the images they are meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simsiam_core.config import ModelConfig
from simsiam_core.config.sections.network import RESNET_FAMILY, backbone_family
from simsiam_core.data.image_set import Triple

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
IMAGENET_SIZE = 224  # px
STEM_SIZES = {
    "cifar": 32,
    "cifar-padded": 32,
    "cifar-linear": 32,
    "stride2": 64,
    "imagenet": IMAGENET_SIZE,
}  # px, of this program's ResNets


@dataclass(frozen=True)
class Preprocessing:
    """Size in px, and mean and std per channel on the scale 0..1, with where they are from, as words."""

    image_size: int
    mean: Triple
    std: Triple
    origin: str


def preprocessing(model: ModelConfig) -> Preprocessing:
    """Return what the library of a backbone says of it, and ImageNet's normalisation where it says nothing."""
    family, _, name = model.backbone.partition(":")
    if backbone_family(model.backbone) == RESNET_FAMILY:
        return Preprocessing(STEM_SIZES[model.stem], IMAGENET_MEAN, IMAGENET_STD, "ImageNet's, assumed")
    return {"timm": _of_timm, "torchvision": _of_torchvision}[family](name)


def _of_timm(name: str) -> Preprocessing:
    from timm.models import get_pretrained_cfg

    found = get_pretrained_cfg(name, allow_unregistered=True)
    if found is None:
        return Preprocessing(IMAGENET_SIZE, IMAGENET_MEAN, IMAGENET_STD, "ImageNet's, assumed")
    return Preprocessing(
        found.input_size[-1], _triple(found.mean), _triple(found.std), "timm's for this network"
    )


def _of_torchvision(name: str) -> Preprocessing:
    from torchvision import models

    weights = list(models.get_model_weights(name))
    if not weights:
        return Preprocessing(IMAGENET_SIZE, IMAGENET_MEAN, IMAGENET_STD, "ImageNet's, assumed")
    found = weights[0].transforms()
    origin = "torchvision's for this network"
    return Preprocessing(found.crop_size[0], _triple(found.mean), _triple(found.std), origin)


def _triple(values: Sequence[float]) -> Triple:
    red, green, blue = values
    return red, green, blue
