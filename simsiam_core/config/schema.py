"""The one schema: every hyperparameter with its title, help text, bounds and unit.

The form, the command-line flags, the YAML files, the validation and the messages all come from
the models below. Adding a hyperparameter is one line here.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from simsiam_core.config.paths import absolute_path
from simsiam_core.names import storable

AS_STORED = (
    "as stored"  # in the context of a validation: a relative path stays, for nobody knows to which folder
)


def setting(
    default: Any, title: str, description: str, *, unit: str = "", advanced: bool = False, **bounds: Any
) -> Any:
    """One hyperparameter. `advanced` ones are folded away in the form; `unit` stands behind the title."""
    return Field(
        default,
        title=title,
        description=description,
        json_schema_extra={"unit": unit, "advanced": advanced},
        **bounds,
    )


class Section(BaseModel):
    """A group of hyperparameters: immutable, strict about names it does not know and about types.

    Only a whole number given for a fraction is taken as one; text is never read as a number here (`fields.typed` is
    for sources that are text, such as flags).
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False
    )


class DataConfig(Section, title="Images"):
    source: Literal["textures", "cifar10", "cifar100", "stl10", "folder"] = setting(
        "textures", "Source", "Where images come from. Textures are generated here and need no download."
    )
    path: str | None = setting(
        None,
        "Folder",
        "Only for the source 'folder': images as <class>/*.jpg, train/ and test/ of those, or flat. "
        "A relative path counts from the folder in which the program was started.",
    )
    image_size: int = setting(
        32, "Image size", "Side of the square the network sees.", unit="px", ge=8, le=256
    )
    train_limit: int | None = setting(
        None,
        "Training images used",
        "Take this many, stratified over classes. Empty means all.",
        ge=2,
        advanced=True,
    )
    test_limit: int | None = setting(
        None,
        "Test images used",
        "Take this many, stratified over classes. Empty means all.",
        ge=1,
        advanced=True,
    )

    @field_validator("path", mode="before")
    @classmethod
    def _path_is_absolute_and_storable(cls, path: Any, info: ValidationInfo) -> Any:
        if not isinstance(path, str) or not path:
            return path
        return storable(os.path.expanduser(path) if info.context == AS_STORED else absolute_path(path))

    @property
    def unplaced(self) -> str:
        """A sentence about a relative path, which an earlier version may have stored; empty for any other."""
        if self.source != "folder" or not self.path or os.path.isabs(self.path):
            return ""
        return (
            f"The folder of this run, {self.path}, is relative and does not lie beside the folder of runs; write its "
            "full path as data.path into the run's config.yaml."
        )

    @model_validator(mode="after")
    def _folder_needs_a_path(self) -> DataConfig:
        if self.source == "folder" and not self.path:
            raise ValueError("data.path: Folder is empty; the source 'folder' needs the folder of images.")
        return self


class AugmentationConfig(Section, title="Augmentation"):
    crop_scale_min: float = setting(
        0.2, "Smallest crop", "Random-resized-crop: least share of the image's area.", gt=0, le=1
    )
    crop_scale_max: float = setting(
        1.0, "Largest crop", "Random-resized-crop: greatest share of the image's area.", gt=0, le=1
    )
    flip_probability: float = setting(0.5, "Flip probability", "Chance of a horizontal flip.", ge=0, le=1)
    jitter_probability: float = setting(
        0.8, "Jitter probability", "Chance that a view's colours are jittered.", ge=0, le=1
    )
    brightness: float = setting(
        0.4, "Brightness jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    contrast: float = setting(
        0.4, "Contrast jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    saturation: float = setting(
        0.4, "Saturation jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    hue: float = setting(
        0.1, "Hue jitter", "Shift drawn from ± this share of the colour circle.", ge=0, le=0.5, advanced=True
    )
    grey_probability: float = setting(
        0.2, "Grey probability", "Chance that a view loses its colours.", ge=0, le=1
    )
    blur_probability: float = setting(
        0.0, "Blur probability", "Chance of a Gaussian blur. The CIFAR recipe uses none.", ge=0, le=1
    )
    blur_sigma_min: float = setting(
        0.1, "Weakest blur", "Smallest standard deviation.", unit="px", gt=0, le=10, advanced=True
    )
    blur_sigma_max: float = setting(
        2.0, "Strongest blur", "Largest standard deviation.", unit="px", gt=0, le=10, advanced=True
    )

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> AugmentationConfig:
        for low, high in (("crop_scale_min", "crop_scale_max"), ("blur_sigma_min", "blur_sigma_max")):
            if getattr(self, low) > getattr(self, high):
                title = type(self).model_fields[low].title
                raise ValueError(
                    f"augmentation.{low}: {title} is {getattr(self, low):g}; "
                    f"it must not exceed {type(self).model_fields[high].title}, {getattr(self, high):g}."
                )
        return self


class ModelConfig(Section, title="Network"):
    backbone: Literal["resnet10", "resnet18", "resnet34", "resnet50"] = setting(
        "resnet18", "Backbone", "The network whose output is the representation."
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


class OptimiserConfig(Section, title="Optimiser"):
    algorithm: Literal["sgd", "adamw"] = setting(
        "sgd", "Algorithm", "SGD with momentum is the published recipe.", advanced=True
    )
    base_lr: float = setting(
        0.03, "Base learning rate", "Learning rate = base × batch size / 256.", gt=0, le=10
    )
    momentum: float = setting(0.9, "Momentum", "Of SGD.", ge=0, lt=1, advanced=True)
    weight_decay: float = setting(5e-4, "Weight decay", "L2 penalty.", ge=0, le=1)
    decay_norm_and_bias: bool = setting(
        True,
        "Decay norms and biases",
        "Whether weight decay also acts on batch norms and biases, as in the paper.",
        advanced=True,
    )
    warmup_epochs: int = setting(
        0, "Warm-up", "Linear rise of the learning rate.", unit="epochs", ge=0, le=1000
    )
    restart_epoch: int = setting(
        0,
        "Restart the cosine",
        "After this many epochs the learning rate starts again from its peak; 0: one cosine over the whole run.",
        unit="epochs",
        ge=0,
        le=10_000,
        advanced=True,
    )
    predictor_lr: Literal["decayed", "constant"] = setting(
        "decayed",
        "Predictor learning rate",
        "Follow the cosine like the rest, or stay constant after warm-up.",
        advanced=True,
    )


class TrainingConfig(Section, title="Training"):
    epochs: int = setting(100, "Epochs", "Passes over the training images.", ge=1, le=10_000)
    batch_size: int = setting(256, "Batch size", "Images a step.", unit="images", ge=2, le=65_536)
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = setting(
        "auto", "Precision", "auto: bf16 on GPUs that have it, fp32 on the CPU.", advanced=True
    )
    device: Literal["auto", "cpu", "gpu"] = setting("auto", "Device", "auto: a GPU when there is one.")
    devices: int = setting(
        1,
        "Devices",
        "GPUs that share every batch, with a process for each. On the CPU: processes that share its cores.",
        ge=1,
        le=64,
        advanced=True,
    )
    sync_batch_norm: bool = setting(
        True,
        "Batch norm over all devices",
        "Statistics of the whole batch, as on one device. Off is quicker, and statistics are of each device's "
        "share: another method where shares are small.",
        advanced=True,
    )
    compile: Literal["auto", "always", "never"] = setting(
        "auto",
        "Compile the network",
        "With torch.compile. auto: on a GPU, when the run is long enough to earn back the minute it takes.",
        advanced=True,
    )
    seed: int = setting(0, "Seed", "Of weights, order and augmentation.", ge=0, le=2**31 - 1)
    stop_on_collapse: bool = setting(
        False,
        "Stop on collapse",
        "End the run when the representation's std stays under a fifth of a healthy value.",
        advanced=True,
    )

    @model_validator(mode="after")
    def _devices_share_evenly(self) -> TrainingConfig:
        if self.batch_size % self.devices or self.batch_size < 2 * self.devices:
            raise ValueError(
                f"training.devices: Devices is {self.devices}; Batch size, {self.batch_size}, must be a multiple "
                "of it that leaves two images for each."
            )
        return self


class KnnConfig(Section, title="kNN check"):
    k: int = setting(200, "k", "Neighbours that vote.", ge=1, le=10_000)
    temperature: float = setting(
        0.1, "Temperature", "A vote weighs exp(similarity / temperature).", gt=0, le=10
    )
    knn_every: int = setting(
        1, "Every", "How often accuracy is measured while training.", unit="epochs", ge=1, le=10_000
    )


class CheckpointConfig(Section, title="Checkpoints"):
    checkpoint_every: int = setting(
        10, "Every", "How often a checkpoint is written.", unit="epochs", ge=1, le=10_000
    )
    checkpoints_kept: int = setting(
        20, "Kept", "Newest checkpoints kept, beside the first and the last.", ge=1, le=10_000
    )
    last_every: float = setting(
        10.0,
        "Safety copy",
        "How often the checkpoint to resume from is renewed, whatever an epoch takes.",
        unit="minutes",
        gt=0,
        le=10_000,
        advanced=True,
    )


class Config(Section):
    """Everything that decides a run."""

    schema_version: Literal[1] = 1
    name: str = setting(
        "",
        "Name",
        "Part of the run's id; letters, digits and hyphens.",
        max_length=40,
        pattern=r"^[\w\- .]*$",
    )
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    training: TrainingConfig = TrainingConfig()
    knn: KnnConfig = KnnConfig()
    checkpoints: CheckpointConfig = CheckpointConfig()

    @model_validator(mode="after")
    def _warmup_fits(self) -> Config:
        warmup, epochs = self.optimiser.warmup_epochs, self.training.epochs
        if warmup > epochs:
            raise ValueError(
                f"optimiser.warmup_epochs: Warm-up is {warmup} epochs; it must not exceed Epochs, {epochs}."
            )
        restart = self.optimiser.restart_epoch
        if restart and not warmup <= restart < epochs:
            raise ValueError(
                f"optimiser.restart_epoch: Restart the cosine is {restart} epochs; it must be 0, or lie between "
                f"Warm-up, {warmup}, and Epochs, {epochs}."
            )
        return self

    @model_validator(mode="after")
    def _rotation_crop_fits(self) -> Config:
        crop, size = self.objective.rotation_crop, self.data.image_size
        if self.objective.rotation_weight > 0 and not size / 2 <= crop <= size:
            raise ValueError(
                f"objective.rotation_crop: Rotation crop is {crop} px; it must lie between half of Image size "
                f"and Image size, {size / 2:g} and {size} px."
            )
        return self

    @property
    def lr(self) -> float:
        """Peak learning rate: base × batch size / 256 (Goyal et al., 2017; SimSiam section 4)."""
        return self.optimiser.base_lr * self.training.batch_size / 256
