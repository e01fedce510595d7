"""Settings of the training objective: the method, its views, and what each method takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from simsiam_core.config.section import Section, setting
from simsiam_core.registry import names_in

DEFAULT_METHOD, ROTATING_METHOD = "simsiam", "e_simsiam"
SIMSIAM = (DEFAULT_METHOD, ROTATING_METHOD)
PREDICTING = (*SIMSIAM, "byol")


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
