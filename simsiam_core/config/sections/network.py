"""Settings of the network and its training objective."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationInfo, field_validator, model_validator

from simsiam_core.config.paths import absolute_path
from simsiam_core.config.section import AS_STORED, Section, setting
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
DEFAULT_METHOD, ROTATING_METHOD = "simsiam", "e_simsiam"
SIMSIAM = (DEFAULT_METHOD, ROTATING_METHOD)
PREDICTING = (*SIMSIAM, "byol")


def backbone_families() -> tuple[str, ...]:
    """Return the libraries whose networks can be named, as in `timm:vit_small_patch16_224`.

    They are the modules of `simsiam_core/model/backbones/`, which depends on the schema and is not imported
    here.
    """
    return tuple(name for name in names_in("model.backbones") if name != RESNET_FAMILY)


def backbone_family(backbone: str) -> str:
    """Return the family of a backbone's name, a module of `simsiam_core/model/backbones/`."""
    return backbone.partition(":")[0] if ":" in backbone else RESNET_FAMILY


def method_names() -> tuple[str, ...]:
    """Return the names of all training methods, the default first.

    They are the modules of `simsiam_core/training/methods/`, which depends on the schema and is not imported
    here.
    """
    return tuple(
        sorted(
            names_in("training.methods"), key=lambda name: (name not in SIMSIAM, name != DEFAULT_METHOD, name)
        )
    )


if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[method_names()]


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
    weights: str = setting(
        "",
        "Start from weights",
        "Weights of the backbone to start from: a file, a run's checkpoint as RUN:last or RUN:epoch=0010, or "
        "pretrained for those that timm publishes. Empty: random. They are copied into the run.",
    )
    stem: Literal["cifar", "stride2", "imagenet"] = setting(
        "cifar",
        "Stem",
        "Of the ResNets. cifar: 3×3, stride 1, no pooling, for 32 px. stride2: 3×3, stride 2, four times faster. "
        "imagenet: 7×7, stride 2, max-pool, for 96 px and more.",
    )
    width: int = setting(
        64, "Width", "Channels of the ResNets' first stage; 64 is the standard network.", ge=8, le=256
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


class ObjectiveConfig(Section, title="Objective"):
    method: MethodName = setting(
        DEFAULT_METHOD,
        "Method",
        "How views are compared. SimSiam is the default; settings that only other methods use are ignored.",
    )
    views: int = setting(
        2,
        "Views",
        "Random views of each image. With more than 2, each view of SimSiam predicts the mean of the others "
        "(FastSiam has 4), and the other methods compare every pair. Time grows with it.",
        ge=2,
        le=8,
    )
    rotation_weight: float = setting(
        0.4,
        "Rotation weight",
        "Weight of E-SimSiam's second task: by how many quarter turns a small crop was turned.",
        ge=0,
        le=10,
        advanced=True,
        methods=(ROTATING_METHOD,),
    )
    rotation_crop: int = setting(
        16,
        "Rotation crop",
        "Side of the crop that is turned.",
        unit="px",
        ge=8,
        le=512,
        advanced=True,
        methods=(ROTATING_METHOD,),
    )
    local_views: int = setting(
        0,
        "Small views",
        "Further views of each image, cut from smaller crops (multi-crop, as in SwAV); each predicts the mean "
        "projection of the full-size ones, which never predict it. 0: none.",
        ge=0,
        le=12,
        advanced=True,
        methods=SIMSIAM,
    )
    local_size: int = setting(
        16,
        "Size of small views",
        "Side of a small view.",
        unit="px",
        ge=8,
        le=512,
        advanced=True,
        methods=SIMSIAM,
    )
    local_scale_min: float = setting(
        0.05,
        "Smallest crop of small views",
        "Least share of the image's area.",
        gt=0,
        le=1,
        advanced=True,
        methods=SIMSIAM,
    )
    local_scale_max: float = setting(
        0.2,
        "Largest crop of small views",
        "Greatest share of the image's area.",
        gt=0,
        le=1,
        advanced=True,
        methods=SIMSIAM,
    )
    target_momentum: float = setting(
        0.996,
        "Target momentum",
        "Of BYOL's target network, the moving average of the trained one, at the first step.",
        ge=0,
        le=1,
        advanced=True,
        methods=("byol",),
    )
    target_momentum_end: float = setting(
        1.0,
        "Target momentum at the end",
        "Reached along half a cosine. Equal to Target momentum: constant.",
        ge=0,
        le=1,
        advanced=True,
        methods=("byol",),
    )
    redundancy_weight: float = setting(
        0.005,
        "Redundancy weight",
        "λ of Barlow Twins: the weight of correlations between different dimensions.",
        ge=0,
        le=10,
        advanced=True,
        methods=("barlow_twins",),
    )
    invariance_weight: float = setting(
        25.0,
        "Invariance weight",
        "λ of VICReg: the weight of the distance between two views of an image.",
        ge=0,
        le=1000,
        advanced=True,
        methods=("vicreg",),
    )
    variance_weight: float = setting(
        25.0,
        "Variance weight",
        "μ of VICReg: the weight of dimensions whose standard deviation is below 1.",
        ge=0,
        le=1000,
        advanced=True,
        methods=("vicreg",),
    )
    covariance_weight: float = setting(
        1.0,
        "Covariance weight",
        "ν of VICReg: the weight of covariances between different dimensions.",
        ge=0,
        le=1000,
        advanced=True,
        methods=("vicreg",),
    )
    contrast_temperature: float = setting(
        0.5,
        "Contrast temperature",
        "τ of SimCLR: similarities are divided by it.",
        gt=0,
        le=10,
        advanced=True,
        methods=("simclr",),
    )

    @property
    def small_view_count(self) -> int:
        """Number of small views of each image: none with methods that do not take them."""
        return self.local_views if self.method in SIMSIAM else 0

    @model_validator(mode="before")
    @classmethod
    def _method_of_earlier_versions(cls, values: Any) -> Any:
        return with_method(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _rotations_count(self) -> ObjectiveConfig:
        if self.method == ROTATING_METHOD and not self.rotation_weight:
            raise ValueError(
                f"objective.rotation_weight: Rotation weight is 0; {ROTATING_METHOD} needs one above 0, such as 0.4. "
                f"Without rotations the method is {DEFAULT_METHOD}."
            )
        return self

    @model_validator(mode="after")
    def _local_scales_are_ordered(self) -> ObjectiveConfig:
        low, high = self.local_scale_min, self.local_scale_max
        if low > high:
            raise ValueError(
                f"objective.local_scale_min: Smallest crop of small views is {low:g}; it must not exceed Largest "
                f"crop of small views, {high:g}."
            )
        return self


def with_method(objective: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the section with a method where they name none but weigh rotations.

    Earlier versions had no setting for the method: a rotation weight above 0 made it E-SimSiam.
    """
    weight = objective.get("rotation_weight")
    rotates = isinstance(weight, int | float) and not isinstance(weight, bool) and weight > 0
    return {**({"method": ROTATING_METHOD} if rotates and "method" not in objective else {}), **objective}
