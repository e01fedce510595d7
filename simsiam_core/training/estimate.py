"""Estimate of a config's training time and memory on this machine, from a few real steps.

The steps are real training steps (views, losses, backward, optimiser) on random images; on a CPU they use
fewer images, since time grows in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from simsiam_core.config import Config, OptimiserConfig, parse
from simsiam_core.data import Progress, count_train
from simsiam_core.data.larger import stored_size
from simsiam_core.training.calibration import BusyError, calibrate
from simsiam_core.training.device import HALF, Precision, resolve_device
from simsiam_core.training.objective import FORWARD_SHARE, Objective
from simsiam_core.training.pace import CONTEXT_BYTES, GREY, DoesNotFitError, Pace
from simsiam_core.training.step import Views

# Of a calibration step: a second on two cores, with enough images for the pace of a full batch.
CPU_STEP_FLOP = 1e11
# The interpreter with torch and Lightning, and memory kept by the allocator.
PROCESS_BYTES = {"cpu": 1.1e9, "gpu": CONTEXT_BYTES}
BACKWARD_SHARE = 0.3  # of the activations: additional memory of the backward pass, measured
STARTING_SECONDS = 8.0  # imports, and reading images that are already decoded


@dataclass(frozen=True)
class Work:
    """Cost of one image in a training step, over all its views; from the network's definition, not a run."""

    flop: float  # forward and backward
    activation_bytes: float  # saved by autograd for the backward pass, in fp32
    parameters: int
    trained_parameters: int  # all but those of a target network
    feature_dim: int  # of the backbone


@dataclass(frozen=True)
class Estimate:
    """Expected speed, time and memory of a config on this machine."""

    device: str  # "GPU" or "CPU"
    devices: int  # GPUs in parallel; on a CPU the processes share its cores
    images_per_second: float | None  # None if it could not be measured
    seconds: float | None  # of the whole run with kNN checks; None also if the images are not counted yet
    memory_bytes: float  # per GPU, or of the machine for all processes
    alone: bool  # whether nothing else was running while the steps were timed
    fits: int | None = None  # if the batch is too large: one that fits, 0 if none does


def work(config: Config) -> Work:
    """Count the cost on torch's meta device, which propagates shapes without computing anything."""
    return _work(_shape(config))


@lru_cache(maxsize=64)
def _work(config: Config) -> Work:
    images, saved = 4, dict[int, int]()
    side, objective = config.data.image_size, Objective(config, *GREY)
    crop, small = config.objective.rotation_crop, config.objective.local_size
    with torch.device("meta"):
        network = objective.network()
        views = Views(
            tuple(torch.empty(images, 3, side, side) for _ in range(config.objective.views)),
            torch.empty(images, 3, crop, crop) if objective.rotates else None,
            tuple(torch.empty(images, 3, small, small) for _ in range(config.objective.small_view_count)),
        )
    weights = {id(p) for p in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        # `_base`, since a linear layer saves the transpose of its weight
        if id(tensor) not in weights and id(tensor._base) not in weights:
            saved[id(tensor)] = tensor.nbytes
            kept.append(tensor)  # an id is unique only while its tensor lives
        return tensor

    kept: list[Tensor] = []
    # Only forward: PyTorch counts the backward pass of grouped convolutions as if they had no groups.
    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        objective.losses(network, views)
    return Work(
        counter.get_total_flops() / FORWARD_SHARE * objective.passes / objective.forward_passes / images,
        sum(saved.values()) / images,
        sum(p.numel() for p in network.parameters()),
        sum(p.numel() for p in network.trained_parameters().values()),
        network.backbone.feature_dim,
    )


def _shape(config: Config) -> Config:
    """Reduce a config to the settings that a step's cost depends on, so that one measurement serves many."""
    return Config(
        model=config.model,
        objective=config.objective,
        augmentation=config.augmentation,
        data=Config().data.model_copy(
            update={"image_size": config.data.image_size, "stored_size": stored_size(config)}
        ),
    )


def predict(
    values: Mapping[str, Any], taken: tuple[str, ...] = (), progress: Progress | None = None
) -> Estimate:
    """Estimate a config given as nested values. Raises ConfigError.

    One device's share of a batch is timed. Several GPUs are assumed to scale without loss, processes on a CPU
    to share its cores. `taken` lists the ids of GPUs assigned to jobs: no step runs there, and if no other
    GPU is free, the pace is unknown until it has been measured once.
    """
    config = parse(values)
    accelerator, precision = resolve_device(config.training)
    batch, gpus = config.training.batch_size, config.training.devices if accelerator == "gpu" else 1
    images, count = batch // config.training.devices, count_train(config.data)
    images = min(images, count or images)
    if accelerator == "cpu":
        images = max(4, min(images, int(CPU_STEP_FLOP / work(config).flop)))
    device = "cuda" if accelerator == "gpu" else "cpu"
    pace, fits = None, None
    try:
        pace = calibrate(_shape(config), images, device, precision, taken)
    except BusyError:
        pass
    except DoesNotFitError as problem:
        fits = gpus * (problem.fits or 0)
    seconds = None
    if count and pace:
        training = count // batch * batch * config.training.epochs * pace.seconds_per_image / gpus
        checks = knn_checks(config) * knn_seconds(config, count, pace)
        seconds = STARTING_SECONDS + training + checks
    return Estimate(
        device="GPU" if accelerator == "gpu" else "CPU",
        devices=gpus,
        images_per_second=gpus / pace.seconds_per_image if pace else None,
        seconds=seconds,
        memory_bytes=memory_bytes(config, count, accelerator, precision, pace),
        alone=pace.alone if pace else True,
        fits=fits,
    )


def knn_checks(config: Config) -> int:
    """Count the kNN checks: before training, every `knn_every` epochs, and at the end."""
    epochs, every = config.training.epochs, config.knn.knn_every
    return 1 + epochs // every + bool(epochs % every)


def knn_seconds(config: Config, count: int, pace: Pace) -> float:
    """Estimate the seconds of one kNN check: one forward pass per image, with a test split a fifth as large.

    The search adds 2 × images × queries × dimension operations at the speed of training.
    """
    tests = min(count // 5, config.data.test_limit or count)
    passes = Objective(config, *GREY).passes
    encoding = (count + tests) * pace.seconds_per_image * FORWARD_SHARE / passes
    flop_per_second = work(config).flop / pace.seconds_per_image
    return encoding + 2 * count * tests * work(config).feature_dim / flop_per_second


def memory_bytes(
    config: Config, count: int | None, accelerator: str, precision: Precision, pace: Pace | None
) -> float:
    """Estimate the peak memory of training in bytes: per GPU, or the sum over all processes on a CPU.

    Uses the peak measured on a GPU with this batch if there is one, otherwise the network's definition.
    """
    side, devices = config.data.image_size, config.training.devices
    images = 1.2 * (count or 0) * 3 * side**2  # train and test, uint8
    cost = work(config)
    exchanged = (
        4 * cost.trained_parameters * (devices > 1)
    )  # copies of the gradients, exchanged between processes
    if pace is not None and pace.peak_bytes is not None:
        return PROCESS_BYTES["gpu"] + images + pace.peak_bytes + exchanged
    copies = 2 + _second_moment(config.optimiser)  # gradients and momentum, beside the weights
    weights = 4 * (cost.parameters + copies * cost.trained_parameters)
    process = PROCESS_BYTES[accelerator] + images + weights + exchanged
    batch = config.training.batch_size * cost.activation_bytes * (1 + BACKWARD_SHARE)
    if accelerator == "gpu":
        return process + batch / devices * (0.5 if precision in HALF else 1.0)
    return devices * process + batch


def _second_moment(optimiser: OptimiserConfig) -> int:
    return int(optimiser.algorithm == "adamw")
