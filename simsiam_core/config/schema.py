"""Configuration schema: every hyperparameter with its title, help text, bounds and unit.

The form, the command-line flags, the YAML files, the validation and the messages are all derived from the
sections combined here. Adding a hyperparameter is one line in its section.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from simsiam_core.config.section import Section, setting
from simsiam_core.config.sections.augmentation import AugmentationConfig
from simsiam_core.config.sections.data import DataConfig
from simsiam_core.config.sections.network import ModelConfig
from simsiam_core.config.sections.objective import ROTATING_METHOD, ObjectiveConfig
from simsiam_core.config.sections.training import CheckpointConfig, KnnConfig, OptimiserConfig, TrainingConfig


class Config(Section):
    """Complete configuration of a run."""

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
        if self.objective.method == ROTATING_METHOD and not size / 2 <= crop <= size:
            raise ValueError(
                f"objective.rotation_crop: Rotation crop is {crop} px; it must lie between half of Image size "
                f"and Image size, {size / 2:g} and {size} px."
            )
        return self

    @model_validator(mode="after")
    def _small_views_fit(self) -> Config:
        side, size = self.objective.local_size, self.data.image_size
        if self.objective.small_view_count and side > size:
            raise ValueError(
                f"objective.local_size: Size of small views is {side} px; it must not exceed Image size, {size} px."
            )
        return self

    @property
    def small_views(self) -> AugmentationConfig:
        """Augmentation of the small views of multi-crop: that of the others, with crops of its own size."""
        o = self.objective
        scales = {"crop_scale_min": o.local_scale_min, "crop_scale_max": o.local_scale_max}
        return self.augmentation.model_copy(update=scales)

    @property
    def lr(self) -> float:
        """Peak learning rate: base × batch size / 256 (Goyal et al., 2017; SimSiam section 4)."""
        return self.optimiser.base_lr * self.training.batch_size / 256
