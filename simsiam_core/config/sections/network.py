"""Settings of the network and its training objective."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from simsiam_core.config.section import Section, setting
from simsiam_core.registry import names_in

RESNETS = ("resnet10", "resnet18", "resnet34", "resnet50")  # this program's own
RESNET_FAMILY = "resnet"


def backbone_families() -> tuple[str, ...]:
    """Return the libraries whose networks can be named, as in `timm:vit_small_patch16_224`.

    They are the modules of `simsiam_core/model/backbones/`, which depends on the schema and is not imported
    here.
    """
    return tuple(name for name in names_in("model.backbones") if name != RESNET_FAMILY)


def backbone_family(backbone: str) -> str:
    """Return the family of a backbone's name, a module of `simsiam_core/model/backbones/`."""
    return backbone.partition(":")[0] if ":" in backbone else RESNET_FAMILY


class ModelConfig(Section, title="Network"):
    backbone: str = setting(
        "resnet18",
        "Backbone",
        "The network whose output is the representation: resnet10, resnet18, resnet34, resnet50, or a network of "
        "another library, such as timm:vit_small_patch16_224.",
    )
    stem: Literal["cifar", "stride2", "imagenet"] = setting(
        "cifar",
        "Stem",
        "cifar: 3×3, stride 1, no pooling, for 32 px. stride2: 3×3, stride 2, four times faster. "
        "imagenet: 7×7, stride 2, max-pool, for 96 px and more.",
    )
    width: int = setting(
        64, "Width", "Channels of the first stage; 64 is the standard network.", ge=8, le=256
    )
    projector_layers: int = setting(
        2, "Projector layers", "Linear layers of the projector; the CIFAR recipe has 2.", ge=1, le=4
    )
    projector_dim: int = setting(
        2048, "Projector dimension", "Width of every projector layer and of z.", ge=8, le=8192
    )
    projector_affine: bool = setting(
        True,
        "Learnt scale at the projector's end",
        "Whether the last batch norm of the projector has a weight and a bias.",
        advanced=True,
    )
    predictor: bool = setting(True, "Predictor", "Off is an ablation: the network collapses.", advanced=True)
    predictor_hidden: int = setting(
        512, "Predictor hidden dimension", "Bottleneck of the predictor.", ge=4, le=8192
    )
    stop_gradient: bool = setting(
        True, "Stop-gradient", "Off is an ablation: the network collapses.", advanced=True
    )

    @field_validator("backbone")
    @classmethod
    def _backbone_can_be_named(cls, name: str) -> str:
        """Check the form of the name; its library is asked for it only when the network is built."""
        family, colon, inside = name.partition(":")
        if name in RESNETS or (colon and family in backbone_families() and re.fullmatch(r"[\w.\-]+", inside)):
            return name
        libraries = " or ".join(f"{family}:NAME" for family in backbone_families())
        raise ValueError(
            f"model.backbone: Backbone is {name!r}; choose one of {', '.join(RESNETS)}, or {libraries} for a network "
            "of that library."
        )


class ObjectiveConfig(Section, title="Objective"):
    views: int = setting(
        2,
        "Views",
        "Random views of each image. 2 is SimSiam; with more, each view predicts the mean of the others "
        "(FastSiam has 4). Time grows with it.",
        ge=2,
        le=8,
    )
    rotation_weight: float = setting(
        0.0,
        "Rotation weight",
        "Weight of a second task, by how many quarter turns a small crop was turned (E-SimSiam: 0.4); 0: none.",
        ge=0,
        le=10,
        advanced=True,
    )
    rotation_crop: int = setting(
        16, "Rotation crop", "Side of the crop that is turned.", unit="px", ge=8, le=256, advanced=True
    )
