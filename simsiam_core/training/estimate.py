"""How long a config will take on this machine and what memory it needs: a few real steps, and arithmetic.

The steps are those of training (views, losses, backward, optimiser) on random images; only the images a
step are fewer on a CPU, where the time grows in proportion.
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
from simsiam_core.model.dimensions import feature_dim
from simsiam_core.training.calibration import BusyError, calibrate
from simsiam_core.training.device import HALF, Precision, resolve_device
from simsiam_core.training.objective import Objective, Views
from simsiam_core.training.pace import CONTEXT_BYTES, GREY, DoesNotFitError, Pace

# Of a calibration step: a second on two cores, and enough images for the pace of a batch.
CPU_STEP_FLOP = 1e11
# The interpreter with torch and Lightning, and what their allocator keeps.
PROCESS_BYTES = {"cpu": 1.1e9, "gpu": CONTEXT_BYTES}
BACKWARD_SHARE = 0.3  # of the activations: what the backward pass takes beside them, measured
FORWARD_SHARE = 1 / 3  # of a step: the backward pass is twice the work
STARTING_SECONDS = 8.0  # imports, and reading images that are decoded already


@dataclass(frozen=True)
class Work:
    """What one image costs in a training step, all its views: from the network's definition, not from a run."""

    flop: float  # forward and backward
    activation_bytes: float  # what autograd keeps for the backward pass, in fp32
    parameters: int


@dataclass(frozen=True)
class Estimate:
    """What to expect of a config on this machine."""

    device: str  # "GPU" or "CPU"
    devices: int  # GPUs side by side; on a CPU the processes share its cores
    images_per_second: float | None  # None where it could not be measured
    seconds: (
        float | None
    )  # of the whole run with its kNN checks; None also where the images are not counted yet
    memory_bytes: float  # of each GPU, or of the machine for all processes
    alone: bool  # whether nothing else was at work while the steps were timed
    fits: int | None = None  # where the batch is too large: one that is not, 0 if there is none


def work(config: Config) -> Work:
    """Count it on torch's meta device, where shapes flow through the network and nothing is computed."""
    return _work(_shape(config))


@lru_cache(maxsize=64)
def _work(config: Config) -> Work:
    images, saved = 4, dict[int, int]()
    side, objective = config.data.image_size, Objective(config, *GREY)
    crop = config.objective.rotation_crop
    with torch.device("meta"):
        network = objective.network()
        views = Views(
            tuple(torch.empty(images, 3, side, side) for _ in range(config.objective.views)),
            torch.empty(images, 3, crop, crop) if objective.rotates else None,
        )
    weights = {id(p) for p in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if (
            id(tensor) not in weights and id(tensor._base) not in weights
        ):  # a linear layer saves its transpose
            saved[id(tensor)] = tensor.nbytes
            kept.append(tensor)  # an id is unique only while its tensor lives
        return tensor

    kept: list[Tensor] = []
    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = objective.losses(network, views).total
        loss.backward()
    parameters = sum(p.numel() for p in network.parameters())
    return Work(counter.get_total_flops() / images, sum(saved.values()) / images, parameters)


def _shape(config: Config) -> Config:
    """Strip a config of what a step's cost does not depend on, so that one measurement serves many."""
    return Config(
        model=config.model,
        objective=config.objective,
        augmentation=config.augmentation,
        data=Config().data.model_copy(update={"image_size": config.data.image_size}),
    )


def predict(
    values: Mapping[str, Any], taken: tuple[str, ...] = (), progress: Progress | None = None
) -> Estimate:
    """Estimate a config given as nested values. Raises ConfigError.

    One device's share of a batch is timed. Several GPUs are taken to work side by side with nothing lost in
    between, processes on a CPU to take its cores from each other. `taken` are GPUs that jobs were given, by their
    ids: no step is made there, and where no other is free, the pace stays unknown until it was measured once.
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
    """Count the measurements of kNN accuracy: before training, at the cadence, and at the end."""
    epochs, every = config.training.epochs, config.knn.knn_every
    return 1 + epochs // every + bool(epochs % every)


def knn_seconds(config: Config, count: int, pace: Pace) -> float:
    """Estimate the seconds of one kNN check: encoding all images, one pass each, for a test split a fifth as large.

    The search adds 2 × images × queries × dimension operations at the pace of training.
    """
    tests = min(count // 5, config.data.test_limit or count)
    passes = Objective(config, *GREY).passes
    encoding = (count + tests) * pace.seconds_per_image * FORWARD_SHARE / passes
    flop_per_second = work(config).flop / pace.seconds_per_image
    return encoding + 2 * count * tests * feature_dim(config.model) / flop_per_second


def memory_bytes(
    config: Config, count: int | None, accelerator: str, precision: Precision, pace: Pace | None
) -> float:
    """Estimate the peak memory of training in bytes: of each GPU, or of all processes on a CPU, added up.

    Measured on a GPU with that batch, where it was; otherwise from the network's definition.
    """
    side, devices = config.data.image_size, config.training.devices
    images = 1.2 * (count or 0) * 3 * side**2  # train and test, uint8
    cost = work(config)
    exchanged = 4 * cost.parameters * (devices > 1)  # gradients on their way to the other processes
    if pace is not None and pace.peak_bytes is not None:
        return PROCESS_BYTES["gpu"] + images + pace.peak_bytes + exchanged
    copies = 3 + _second_moment(config.optimiser)  # weights, gradients, momentum
    process = PROCESS_BYTES[accelerator] + images + 4 * copies * cost.parameters + exchanged
    batch = config.training.batch_size * cost.activation_bytes * (1 + BACKWARD_SHARE)
    if accelerator == "gpu":
        return process + batch / devices * (0.5 if precision in HALF else 1.0)
    return devices * process + batch


def _second_moment(optimiser: OptimiserConfig) -> int:
    return int(optimiser.algorithm == "adamw")
