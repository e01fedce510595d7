"""Whether each training method learns: kNN accuracy of textures or given images against raw pixels, over seeds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from simsiam_core.bench.results import Results
from simsiam_core.bench.train_to_end import train_to_end
from simsiam_core.config import Config, ConfigError, merge, parse, preset
from simsiam_core.config.sections.objective import method_names
from simsiam_core.data import load
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY
from simsiam_core.metrics.val_linear_accuracy import LINEAR_ACCURACY
from simsiam_core.runs import RunStore
from simsiam_core.training.estimate import work
from simsiam_core.training.methods import title_of

PRESET, PRESET_OF_A_FOLDER, EPOCHS = "quick", "small-cifar10", 12
FIRST = "simsiam"  # the method whose FLOP the others get, at equal compute
MEASURED = (KNN_ACCURACY, RAW_PIXELS_ACCURACY, LINEAR_ACCURACY, REPRESENTATION_STD)
# Over the preset, which suits SimSiam: found by few runs of one seed on textures, none of them tuned further.
CHANGES: dict[str, dict[str, Any]] = {
    "byol": {
        "model": {"predictor_hidden": 256, "projection_dim": 64},
        "optimiser": {"base_lr": 1.2},
    },
    "barlow_twins": {"optimiser": {"base_lr": 0.03}},
    "vicreg": {"optimiser": {"base_lr": 0.4}},
    "simclr": {"model": {"projection_dim": 64}},
}


@dataclass(frozen=True)
class Trial:
    """What each method is trained on, and for how long: `epochs`, or the FLOP that SimSiam needs for these."""

    epochs: int = EPOCHS
    path: str | None = None  # a folder of classes; textures without one
    train_limit: int | None = None
    test_limit: int | None = None
    equal_compute: bool = False

    @property
    def preset(self) -> str:
        """The name of the preset that all methods share."""
        return PRESET_OF_A_FOLDER if self.path else PRESET


def config_of(method: str, seed: int = 0, trial: Trial | None = None) -> Config:
    """Return the config by which a method is measured. Raises ConfigError."""
    trial = trial or Trial()
    epochs = trial.epochs
    if trial.equal_compute:
        first, this = (work(_config(name, seed, trial, epochs)).flop for name in (FIRST, method))
        epochs = max(1, round(epochs * first / this))
    return _config(method, seed, trial, epochs)


def _config(method: str, seed: int, trial: Trial, epochs: int) -> Config:
    data: dict[str, Any] = {"source": "folder", "path": trial.path} if trial.path else {}
    limits = {"train_limit": trial.train_limit, "test_limit": trial.test_limit}
    data |= {name: limit for name, limit in limits.items() if limit is not None}
    values = {
        "data": data,
        "objective": {"method": method},
        "training": {"seed": seed, "epochs": epochs, "device": "cpu"},
        "knn": {"knn_every": epochs},  # both only at the end
        "checkpoints": {"checkpoint_every": epochs},
    }
    return parse(merge(preset(trial.preset).values, CHANGES.get(method, {}), values))


def measure(
    methods: Sequence[str] = (), seeds: int = 3, trial: Trial | None = None, results: Path | None = None
) -> dict[str, Any]:
    """Train each method with each seed; returns accuracies in per cent, and the representation's std at the end.

    Seeds are the outer loop, so that an interrupted measurement has as many of each. Raises ConfigError for an
    unknown method, and for images that cannot be used.
    """
    if unknown := sorted(set(methods) - set(method_names())):
        raise ConfigError.at(
            "method", f"There is no method {unknown[0]}; there are: {', '.join(method_names())}."
        )
    kept, trial = Results(results), trial or Trial()
    load(config_of(FIRST, 0, trial).data)  # what is wrong with the images is told before anything is trained
    rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in methods or method_names()}
    for seed in range(seeds):
        for method, found in rows.items():
            config = config_of(method, seed, trial)
            key = f"{trial}, {method}, seed {seed}"
            if key not in kept.rows:
                kept.add(key, {"epochs": config.training.epochs, **_record(config)})
            found.append(kept.rows[key])
    figures: dict[str, Any] = {"preset": trial.preset, "epochs": trial.epochs, "seeds": seeds}
    figures |= _baselines(next(iter(rows.values())))
    for method, found in rows.items():
        figures |= {f"{title_of(method)}, {name}": value for name, value in _figures(found).items()}
    return figures


def _baselines(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the accuracies of raw pixels and of the untrained network, the same whatever the method."""
    return {
        "raw pixels, kNN, %": 100 * mean(row[RAW_PIXELS_ACCURACY][0] for row in rows),
        "untrained, kNN, %": 100 * mean(row[KNN_ACCURACY][0] for row in rows),
    }


def _figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise the runs of a method, one for each seed."""
    found, raw = ([100 * row[name][-1] for row in rows] for name in (KNN_ACCURACY, RAW_PIXELS_ACCURACY))
    figures: dict[str, Any] = {
        "epochs": rows[0]["epochs"],
        "kNN, %": mean(found),
        "kNN, least and most": f"{min(found):.1f} to {max(found):.1f}",
        "above raw pixels with": f"{sum(map(float.__gt__, found, raw))} of {len(rows)} seeds",
        "linear probe, %": 100 * mean(row[LINEAR_ACCURACY][-1] for row in rows),
        "std at the end": mean(row[REPRESENTATION_STD][-1] for row in rows),
        "seconds a run": mean(row["seconds"] for row in rows),
    }
    if len(rows) > 1:
        figures["kNN, standard deviation"] = stdev(found)
    return figures


def _record(config: Config) -> dict[str, Any]:
    """Train a run to its end; returns the values of each measured metric in order, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run, started = RunStore(Path(folder)).create(config), time.perf_counter()
        train_to_end(run)
        lines = run.metrics()
        record = {name: [line[name] for line in lines if name in line] for name in MEASURED}
        return {"seconds": time.perf_counter() - started, **record}
