"""Settings of the optimiser, training, kNN checks and checkpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from simsiam_core.config.section import Section, setting


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
    layer_decay: float = setting(
        1.0,
        "Layer-wise decay",
        "The learning rate of each stage of the backbone is that of the next one times this: 1 is the same rate "
        "everywhere, and 0.65 to 0.9 is usual for trained weights. A transformer's blocks are its stages.",
        gt=0,
        le=1,
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
    frozen_stages: int = setting(
        0,
        "Frozen stages",
        "Stages of the backbone, counted from its stem, that do not train at first; 0: none, 99: the whole "
        "backbone. For trained weights.",
        ge=0,
        le=99,
        advanced=True,
    )
    frozen_epochs: int = setting(
        1,
        "Frozen for",
        "How long the frozen stages do not train.",
        unit="epochs",
        ge=1,
        le=10_000,
        advanced=True,
    )
    frozen_batch_norm: bool = setting(
        False,
        "Keep batch-norm statistics",
        "The backbone's batch norms keep the mean and variance that they start with, and normalise by them. For "
        "trained weights: those of augmented views would replace statistics of many more images.",
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
    k: int | None = setting(
        None,
        "k",
        "Neighbours that vote. Empty: a tenth of the images of a middle-sized class, from 5 to 200, decided when the "
        "run begins.",
        ge=1,
        le=10_000,
    )
    temperature: float = setting(
        0.1, "Temperature", "A vote weighs exp(similarity / temperature).", gt=0, le=10
    )
    knn_every: int = setting(
        1, "Every", "How often accuracy is measured while training.", unit="epochs", ge=1, le=10_000
    )
    linear_probe: bool = setting(
        True,
        "Online linear probe",
        "Train a linear classifier on the features beside the network, which it does not change, where there are "
        "labels; measured with kNN accuracy.",
        advanced=True,
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
