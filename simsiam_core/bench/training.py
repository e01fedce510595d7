"""Training throughput: speed, time breakdown by phase, and comparison with baselines."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.bench import baselines
from simsiam_core.bench.phases import PhaseClock
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.config import Config, merge, parse, preset
from simsiam_core.data import Dataset, ImageSet, count_train
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import chosen_k, knn_accuracy
from simsiam_core.runs import MetricsWriter, RunStore
from simsiam_core.training.allocator import keep_freed_memory
from simsiam_core.training.callbacks import CheckpointCallback, MetricsCallback
from simsiam_core.training.device import resolve_device
from simsiam_core.training.estimate import knn_checks, work
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.pace import synchronise
from simsiam_core.training.status import StatusWriter
from simsiam_core.training.trainer import build_trainer

WARM_UP_STEPS, SIZING_STEPS = 5, 3
TURN_SECONDS = 1.0  # of our training; baselines run the same number of steps
ENCODED_ON_CPU = 1_024  # images timed on a CPU and extrapolated to all


def measure(
    preset_name: str = "quick",
    baseline: bool = False,
    rounds: int = 15,
    changes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure training under a preset (with `changes` applied), on random images of its size and number.

    Our training is the real one: Lightning, metrics and status, images by seed and step. The bare loop and,
    with `baseline`, the approaches of published code alternate with it; ratios are medians over the turns.
    """
    config = parse(merge(preset(preset_name).values, changes or {}, {"training": {"devices": 1}}))
    accelerator, precision = resolve_device(config.training)
    device = torch.device("cuda" if accelerator == "gpu" else "cpu")
    dataset = random_dataset(config)
    others: dict[str, baselines.Baseline] = {"a bare loop": baselines.bare(config, device, precision)}
    rate = baselines.matrix_rate(device, precision)
    loaders = []
    if baseline:
        for workers in dict.fromkeys((4, baselines.cores())):
            loader = baselines.LoaderBaseline(config, device, len(dataset.train), workers)
            name = f"torchvision's transforms, {workers} workers, fp32"
            loaders.append(loader)
            others[name] = loader
        if baselines.has_kornia():
            others["kornia's augmentation"] = baselines.kornia(
                config, device, precision, dataset.train.images
            )
    try:
        with tempfile.TemporaryDirectory() as folder, keep_freed_memory():
            measured = _train(config, dataset, Path(folder), others, rate, rounds)
    finally:
        for loader in loaders:
            loader.close()
    return _figures(preset_name, config, dataset, measured)


def random_dataset(config: Config) -> Dataset:
    """Return as many random images as the config trains on, and a fifth as many test images; no download."""
    count, side = count_train(config.data) or 10_000, config.data.image_size
    generator = torch.Generator().manual_seed(0)

    def images(part: str, n: int) -> ImageSet:
        pixels = torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)
        labels = torch.randint(0, 10, (n,), generator=generator)
        return ImageSet(
            pixels, labels, tuple(map(str, range(10))), tuple(f"{part}/{i:05d}" for i in range(n))
        )

    return Dataset(images("train", count), images("test", max(1, count // 5)))


class _AlternatingTurns(pl.Callback):
    """A callback that pauses training every few steps to run the baselines, and ends it after all rounds."""

    def __init__(
        self, others: dict[str, baselines.Baseline], rate: Callable[[], float], rounds: int, clock: PhaseClock
    ) -> None:
        self._others, self._rate, self._rounds, self._clock = others, rate, rounds, clock
        self.steps = 0  # per turn
        self.ours: list[float] = []  # seconds of each turn
        self.theirs: dict[str, list[float]] = {name: [] for name in others}
        self.rates: list[float] = []  # of the matrix product, FLOP/s
        self.memory = 0.0
        self._done = -WARM_UP_STEPS  # steps of this turn
        self._started = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Run the baselines' turns between two steps."""
        self._done += 1
        if self._done == (self.steps or SIZING_STEPS):
            synchronise(pl_module.device)
            seconds = time.perf_counter() - self._started
            if self.steps:
                self._take_turns(seconds, pl_module.device)
                trainer.should_stop = len(self.ours) == self._rounds
                self._done = -1  # one untimed step to warm up caches and memory
            else:  # choose the steps per turn from the few timed ones
                self.steps = max(2, round(TURN_SECONDS * SIZING_STEPS / seconds))
                self._done = 0
        if self._done == 0:
            synchronise(pl_module.device)
            self._started = time.perf_counter()

    def _take_turns(self, seconds: float, device: torch.device) -> None:
        self._clock.mark()  # ends the phase of the previous step
        self.ours.append(seconds)
        self.memory = self.memory or _peak_memory(device)
        for name, way in self._others.items():
            self.theirs[name].append(way(self.steps))
        self.rates.append(self._rate())


def _train(
    config: Config,
    dataset: Dataset,
    folder: Path,
    others: dict[str, baselines.Baseline],
    rate: Callable[[], float],
    rounds: int,
) -> tuple[_AlternatingTurns, PhaseClock, SimSiamModule, float]:
    """Train as a run does until all turns are done; also returns the seconds per checkpoint."""
    run = RunStore(folder).create(config)
    pl.seed_everything(config.training.seed, verbose=False)
    module = SimSiamModule(config, dataset)
    clock = PhaseClock(module)
    turns = _AlternatingTurns(others, rate, rounds, clock)
    writer = MetricsWriter(run.metrics_path)
    metrics = MetricsCallback(writer, StatusWriter(run))
    trainer = build_trainer(config, [turns, clock.first, metrics, clock.last], epochs=10**6)
    with quiet():
        trainer.fit(module)
    started = time.perf_counter()
    CheckpointCallback(run, config.checkpoints, metrics).write_last(trainer)
    seconds = time.perf_counter() - started
    writer.close()
    return turns, clock, module, seconds


def _figures(
    name: str,
    config: Config,
    dataset: Dataset,
    measured: tuple[_AlternatingTurns, PhaseClock, SimSiamModule, float],
) -> dict[str, Any]:
    turns, clock, module, checkpoint = measured
    accelerator, precision = resolve_device(config.training)
    device = torch.device("cuda" if accelerator == "gpu" else "cpu")
    batch, epochs = config.training.batch_size, config.training.epochs
    images = turns.steps * batch
    speed = images / median(turns.ours)
    flop = work(config).flop
    epoch = len(module.batches) * batch / speed
    knn = _knn_seconds(config, dataset, module, device)
    checkpoints = epochs // config.checkpoints.checkpoint_every + 2
    whole = epochs * epoch + knn_checks(config) * knn + checkpoints * checkpoint
    figures: dict[str, Any] = {
        "preset": name,
        "batch size": config.training.batch_size,
        "device": torch.cuda.get_device_name() if accelerator == "gpu" else f"CPU, {baselines.cores()} cores",
        "precision": precision,
        "compiled": bool(module.compiled),
        "images a second": speed,
        "epoch, s": epoch,
        "epoch with kNN and checkpoints, s": whole / epochs,
        "predicted run, s": whole,
        "kNN check, s": knn,
        "kNN checks, % of the run": 100 * knn_checks(config) * knn / whole,
        "checkpoint, s": checkpoint,
        "checkpoints, % of the run": 100 * checkpoints * checkpoint / whole,
        "peak memory, GB": turns.memory / 1e9,
        "TFLOP/s": speed * flop / 1e12,
        "matrix product, TFLOP/s": median(turns.rates) / 1e12,
        "share of the matrix product, %": 100
        * median(images * flop / ours / rate for ours, rate in zip(turns.ours, turns.rates, strict=True)),
    }
    figures |= {f"{phase}, % of a step": 100 * share for phase, share in clock.shares().items()}
    for other, seconds in turns.theirs.items():
        ratios = [theirs / ours for ours, theirs in zip(turns.ours, seconds, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        figures[f"{other}, images/s"] = images / median(seconds)
        figures[f"ours against {other}"] = middle
        figures[f"ours against {other}, quartiles"] = f"{low:.3f} to {high:.3f}"
    return figures


def _knn_seconds(config: Config, dataset: Dataset, module: SimSiamModule, device: torch.device) -> float:
    """Return the seconds of one kNN check: encoding both splits, and the vote at full size."""
    encoder, test = module.to(device).encoder(), dataset.split("test")
    total = len(dataset.train) + len(test)
    encoded = dataset.train.limit(ENCODED_ON_CPU) if device.type == "cpu" else dataset.train
    encoder.backbone.eval()
    features = torch.empty(len(encoded), encoder.dim, device=device)
    encoding = _warm_seconds(lambda: encode(encoder, encoded, str(device), out=features), device)
    encoder.backbone.train()
    bank, queries = (
        F.normalize(torch.randn(len(part), encoder.dim, device=device), dim=1)
        for part in (dataset.train, test)
    )
    labels, truth = (_labels(part, device) for part in (dataset.train, test))
    k, temperature = config.knn.k or chosen_k(dataset.train.labels), config.knn.temperature
    vote = _warm_seconds(lambda: knn_accuracy(bank, labels, queries, truth, k, temperature), device)
    return encoding / len(encoded) * total + vote


def _warm_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of the second of two executions: in the first a GPU selects its kernels."""
    seconds = 0.0
    for _ in range(2):
        synchronise(device)
        started = time.perf_counter()
        work()
        synchronise(device)
        seconds = time.perf_counter() - started
    return seconds


def _labels(images: ImageSet, device: torch.device) -> Tensor:
    assert images.labels is not None
    return images.labels.to(device)


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
