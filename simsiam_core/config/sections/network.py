"""Settings of the network."""

from __future__ import annotations

import os
import re
from typing import Any, Literal, NamedTuple

from pydantic import ValidationInfo, field_validator

from simsiam_core.config.paths import absolute_path
from simsiam_core.config.section import AS_STORED, Section, setting
from simsiam_core.config.sections.objective import PREDICTING, SIMSIAM
from simsiam_core.names import storable
from simsiam_core.registry import names_in

RESNETS = ("resnet10", "resnet18", "resnet34", "resnet50")  # this program's own
RESNET_FAMILY = "resnet"
# A network of each of twelve families of timm, among its smallest: shown first, and tried in the tests.
NAMED = (
    "timm:convnext_atto",  # layer norm alone
    "timm:efficientnet_b0",
    "timm:mobilenetv3_small_100",
    "timm:regnety_002",
    "timm:vit_tiny_patch16_224",
    "timm:deit_tiny_patch16_224",
    "timm:maxvit_rmlp_pico_rw_256",  # dropout
    "timm:fasternet_t1",  # stochastic depth
    "timm:nf_regnet_b0",  # no normalisation
    "timm:mobilevit_xxs",
    "timm:xcit_nano_12_p16_224",
    "timm:repvgg_a0",
)


def backbone_families() -> tuple[str, ...]:
    """Return the libraries whose networks can be named, as in `timm:vit_small_patch16_224`.

    They are the modules of `simsiam_core/model/backbones/`, which depends on the schema and is not imported
    here.
    """
    return tuple(name for name in names_in("model.backbones") if name != RESNET_FAMILY)


def backbone_family(backbone: str) -> str:
    """Return the family of a backbone's name, a module of `simsiam_core/model/backbones/`."""
    return backbone.partition(":")[0] if ":" in backbone else RESNET_FAMILY


PRETRAINED = "pretrained"  # value of `model.weights` for the published weights of the backbone


class RunReference(NamedTuple):
    """Checkpoint of a run in `model.weights`, as in `20251128-120000-photos-1a2b:epoch=0010`."""

    run: str  # id, unique start of an id, or path
    checkpoint: str  # "last" or "epoch=0010"


def run_reference(weights: str) -> RunReference | None:
    """Return the checkpoint that a value of `model.weights` names, or None if it is no checkpoint of a run."""
    found = re.fullmatch(r"(.+):(last|epoch=\d+)", weights)
    return RunReference(found[1], found[2]) if found else None


class ModelConfig(Section, title="Network"):
    backbone: str = setting(
        "resnet18",
        "Backbone",
        "The network whose output is the representation: resnet10, resnet18, resnet34, resnet50, or a network of "
        "another library, such as timm:vit_tiny_patch16_224.",
    )
    stem: Literal["cifar", "stride2", "imagenet", "cifar-padded", "cifar-linear"] = setting(
        "cifar",
        "Stem",
        "Of the ResNets. cifar: 3×3, stride 1, no pooling, for 32 px. stride2: 3×3, stride 2, four times faster. "
        "imagenet: 7×7, stride 2, max-pool, for 96 px and more. For imported networks: cifar-padded is cifar with "
        "padding 2, as in solo-learn; cifar-linear is cifar without ReLU, as in lightly's examples.",
    )
    width: int = setting(
        64, "Width", "Channels of the ResNets' first stage; 64 is the standard network.", ge=8, le=256
    )
    weights: str = setting(
        "",
        "Start from weights",
        "Weights of the backbone to start from: a file, a run's checkpoint as RUN:last or RUN:epoch=0010, or "
        "pretrained for those that timm publishes. Empty: random. They are copied into the run.",
    )
    projector_layers: int = setting(
        2,
        "Projector layers",
        "Linear layers of the projector; the CIFAR recipe has 2.",
        methods=SIMSIAM,
        ge=1,
        le=4,
    )
    projector_dim: int = setting(
        2048,
        "Projector dimension",
        "Width of every projector layer, and of z where Projection dimension does not give it.",
        ge=8,
        le=8192,
    )
    projection_dim: int = setting(
        256,
        "Projection dimension",
        "Width of z, to which the last layer of the projector reduces (BYOL: 256, SimCLR: 128).",
        methods=("byol", "simclr"),
        ge=4,
        le=8192,
    )
    projector_affine: bool = setting(
        True,
        "Learnt scale at the projector's end",
        "Whether the last batch norm of the projector has a weight and a bias.",
        advanced=True,
        methods=SIMSIAM,
    )
    predictor: bool = setting(
        True, "Predictor", "Off is an ablation: the network collapses.", advanced=True, methods=PREDICTING
    )
    predictor_hidden: int = setting(
        512,
        "Predictor hidden dimension",
        "Width of the predictor's hidden layer: a bottleneck in SimSiam, 4096 in BYOL.",
        methods=PREDICTING,
        ge=4,
        le=8192,
    )
    stop_gradient: bool = setting(
        True, "Stop-gradient", "Off is an ablation: the network collapses.", advanced=True, methods=SIMSIAM
    )

    @field_validator("weights", mode="before")
    @classmethod
    def _paths_are_absolute_and_storable(cls, weights: Any, info: ValidationInfo) -> Any:
        """Resolve a relative path of a file or run; ids of runs stay, since they belong to a folder of runs."""
        if not isinstance(weights, str) or not (weights := weights.strip()) or weights == PRETRAINED:
            return weights
        resolved = os.path.expanduser if info.context == AS_STORED else absolute_path
        if (reference := run_reference(weights)) is None:
            return storable(resolved(weights))
        is_path = "/" in reference.run or os.sep in reference.run or reference.run[0] in "~."
        return f"{storable(resolved(reference.run))}:{reference.checkpoint}" if is_path else storable(weights)

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
