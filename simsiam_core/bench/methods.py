"""Whether each training method learns: kNN accuracy on textures against raw pixels, over several seeds."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from simsiam_core.config import Config, ConfigError, merge, parse, preset
from simsiam_core.config.sections.objective import method_names
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY
from simsiam_core.runs import RunStore
from simsiam_core.training.methods import title_of
from simsiam_core.training.worker import train

PRESET, EPOCHS = "quick", 12
# Over the preset, which suits SimSiam: found by few runs of one seed, none of them tuned further.
CHANGES: dict[str, dict[str, Any]] = {
    "byol": {
        "model": {"predictor_hidden": 256, "projection_dim": 64},
        "optimiser": {"base_lr": 1.2},
    },
    "barlow_twins": {"optimiser": {"base_lr": 0.03}},
    "vicreg": {"optimiser": {"base_lr": 0.4}},
    "simclr": {"model": {"projection_dim": 64}},
}


def config_of(method: str, seed: int = 0, epochs: int = EPOCHS) -> Config:
    """Return the config by which a method is measured. Raises ConfigError."""
    values = {"objective": {"method": method}, "training": {"seed": seed, "epochs": epochs}}
    only_at_the_end = {"knn": {"knn_every": epochs}, "checkpoints": {"checkpoint_every": epochs}}
    return parse(merge(preset(PRESET).values, CHANGES.get(method, {}), values, only_at_the_end))


def measure(methods: Sequence[str] = (), seeds: int = 3, epochs: int = EPOCHS) -> dict[str, Any]:
    """Train each method with each seed; returns accuracies in per cent, and the representation's std at the end.

    Raises ConfigError for an unknown method.
    """
    if unknown := sorted(set(methods) - set(method_names())):
        raise ConfigError.at(
            "method", f"There is no method {unknown[0]}; there are: {', '.join(method_names())}."
        )
    figures: dict[str, Any] = {"preset": PRESET, "epochs": epochs, "seeds": seeds}
    for method in methods or method_names():
        records = [_record(config_of(method, seed, epochs)) for seed in range(seeds)]
        untrained, raw, found = (
            [100 * record[name][place] for record in records]
            for name, place in ((KNN_ACCURACY, 0), (RAW_PIXELS_ACCURACY, 0), (KNN_ACCURACY, -1))
        )
        figures.setdefault("raw pixels, kNN, %", mean(raw))
        figures.setdefault("untrained, kNN, %", mean(untrained))
        title = title_of(method)
        figures[f"{title}, kNN, %"] = mean(found)
        figures[f"{title}, kNN, least and most"] = f"{min(found):.1f} to {max(found):.1f}"
        if seeds > 1:
            figures[f"{title}, kNN, standard deviation"] = stdev(found)
        figures[f"{title}, above raw pixels with"] = f"{sum(map(float.__gt__, found, raw))} of {seeds} seeds"
        figures[f"{title}, std at the end"] = mean(record[REPRESENTATION_STD][-1] for record in records)
        figures[f"{title}, seconds a run"] = mean(record["seconds"][0] for record in records)
    return figures


def _record(config: Config) -> dict[str, list[float]]:
    """Train a run to its end; returns the values of each metric in order, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run, started = RunStore(Path(folder)).create(config), time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):  # keep run output apart from the figures on stdout
            code = train(run)
        if code:
            raise RuntimeError(run.status().error)
        found: dict[str, list[float]] = {"seconds": [time.perf_counter() - started]}
        for line in run.metrics():
            for name, value in line.items():
                found.setdefault(name, []).append(value)
    return found
