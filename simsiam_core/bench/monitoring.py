"""Overhead of metrics and status monitoring on training."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from simsiam_core.config import merge, parse, preset
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.runs import RunStore
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.worker import train

HOOKS = ("on_train_batch_start", "on_train_batch_end", "on_train_epoch_end")


def measure(preset_name: str = "quick", epochs: int = 3) -> dict[str, Any]:
    """Measure the fraction of training time spent gathering and writing metrics and status, under a preset.

    The time inside the hooks is measured directly: the difference of two runs would be lost in noise.
    """
    config = parse(
        merge(preset(preset_name).values, {"training": {"epochs": epochs}, "knn": {"knn_every": epochs}})
    )
    spent = 0.0
    originals = {name: getattr(MetricsCallback, name) for name in HOOKS}

    def timed(hook: Callable[..., None]) -> Callable[..., None]:
        @wraps(hook)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            nonlocal spent
            started = time.perf_counter()
            hook(*args, **kwargs)
            spent += time.perf_counter() - started

        return wrapper

    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder)).create(config)
        for name, hook in originals.items():
            setattr(MetricsCallback, name, timed(hook))
        try:
            train(run)
        finally:
            for name, hook in originals.items():
                setattr(MetricsCallback, name, hook)
        metrics = [m for m in run.metrics() if IMAGES_PER_SECOND in m]
        steps = max(m["step"] for m in metrics)
        images = steps * config.training.batch_size
        rate = sorted(m[IMAGES_PER_SECOND] for m in metrics)[len(metrics) // 2]
    return {
        "preset": preset_name,
        "steps": steps,
        "images a second": rate,
        "monitoring, ms a step": 1000 * spent / steps,
        "monitoring, % of training": 100 * spent / (images / rate),
    }
