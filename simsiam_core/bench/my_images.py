"""What the preset `my-images` reaches: leave-one-out kNN against raw pixels and the network it started from.

Each run is trained to its last epoch by the settings that the preset resolves for the images and for a stated pace, so
that the load of the machine does not change them. Every result is written to a file, from which an
interrupted measurement goes on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simsiam_core.bench.paired import difference
from simsiam_core.bench.results import Results
from simsiam_core.bench.texture_files import write_textures
from simsiam_core.bench.train_to_end import train_to_end
from simsiam_core.config import Config, ConfigError, merge, parse, preset
from simsiam_core.config.sections.network import PRETRAINED
from simsiam_core.data import Dataset, ImageSet, load
from simsiam_core.data.memory import joined
from simsiam_core.data.sources import SOURCES
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import leave_one_out, suited_k
from simsiam_core.features.raw_pixels import raw_pixel_features
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.model.backbone import build_backbone
from simsiam_core.model.memory_format import channels_last
from simsiam_core.model.starting_weights import starting_weights
from simsiam_core.runs import RunStore
from simsiam_core.training.adapt import MINUTES, adapt

PRESET = "my-images"
RANDOM = "random"
PACE = 777.0  # images a second of the small network at 32 px on two idle cores, see docs/recipes.md
PRETRAINED_PACE = 0.045  # times that: of the pretrained network at 96 px, all of it training
TEMPERATURE = 0.1
TEMPERATURES = (0.02, 0.05, 0.07, 0.1, 0.2, 0.5)  # of the vote, for the features before training


@dataclass(frozen=True)
class Subject:
    """Images to measure on: a name, the settings of their source, and the classes where the source has none."""

    name: str
    data: dict[str, Any]
    class_of: Mapping[str, int] | None = None


def measure(
    images: Sequence[str],
    starts: Sequence[str],
    seeds: int,
    minutes: float = MINUTES,
    images_per_second: float = PACE,
    results: Path | None = None,
    methods: Sequence[str] = (),
    epochs: int | None = None,
) -> dict[str, Any]:
    """Measure folders, or `textures:N` and `textures:N:unlabelled`; returns accuracies and gains in per cent.

    `methods` and `epochs` stand instead of what the preset chooses. Seeds are the outer loop, so that an
    interrupted measurement has as many of each. Raises ConfigError.
    """
    kept = Results(results)
    pace = {"minutes": minutes, "images_per_second": images_per_second}
    length = {"training": {"epochs": epochs}} if epochs else {}
    with tempfile.TemporaryDirectory() as folder:
        subjects = [subject(name, Path(folder)) for name in images]
        for seed in range(seeds):
            for one in subjects:
                for start in starts:
                    for method in methods or (None,):
                        own = {"objective": {"method": method}} if method else {}
                        _measure_run(kept, one, start, seed, pace, merge(own, length))
    return _figures(kept.rows)


def subject(name: str, folder: Path) -> Subject:
    """Return the images that a name stands for; files are written into `folder` for textures without labels."""
    kind, _, rest = name.partition(":")
    if kind != "textures":
        return Subject(name.rstrip("/").rpartition("/")[2], {"source": "folder", "path": name})
    count, _, how = rest.partition(":")
    if not count.isdecimal() or how not in ("", "unlabelled"):
        raise ConfigError.at(
            "images", f"{name} names no images; give a folder, textures:N or textures:N:unlabelled."
        )
    if not how:
        return Subject(name, {"source": "textures", "train_limit": int(count)})
    flat = folder / count
    return Subject(name, {"source": "folder", "path": str(flat)}, write_textures(flat, int(count)))


def _measure_run(
    kept: Results, one: Subject, start: str, seed: int, pace: Mapping[str, float], changes: dict[str, Any]
) -> None:
    """Train and measure one run unless its result is kept; the baselines with the first seed."""
    way = f"{start}{_said(changes)}"
    key = f"{one.name}, {way}, seed {seed}, {pace['minutes']:g} minutes"
    if key in kept.rows:
        return
    given = merge(
        preset(PRESET).values,
        changes,
        {"data": one.data, "training": {"seed": seed, "device": "cpu"}},
        {"model": {"weights": "" if start == RANDOM else PRETRAINED}},
    )
    rate = pace["images_per_second"] * (PRETRAINED_PACE if start == PRETRAINED else 1)
    found = adapt(PRESET, given, pace["minutes"], rate)
    config = parse(merge(found.values, {"knn": {"knn_every": 10_000, "linear_probe": False}}))
    dataset = load(config.data)
    whole, labels = _whole(config, dataset, one)
    k = config.knn.k or suited_k(int(labels.bincount().median()), len(labels))
    rows = {"images": one.name, "start": way, "seed": seed, "k": k, "epochs": config.training.epochs}
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        if seed == 0:
            for name, features in _baselines(config, dataset, whole, start, store).items():
                votes = {value: leave_one_out(features, labels, k, value) for value in TEMPERATURES}
                row = {**rows, "what": name, "correct": _packed(votes[TEMPERATURE])}
                row["at_temperatures"] = [float(correct.double().mean()) for correct in votes.values()]
                kept.add(f"{one.name}, {way}, {name}", row)
        run, began = store.create(config), (time.perf_counter(), time.process_time())
        train_to_end(run)
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        features = encode(load_encoder(run.checkpoint("last").path), whole)
    correct = leave_one_out(features, labels, k, TEMPERATURE)
    row = {**rows, "what": "trained", "correct": _packed(correct), "config": found.values}
    kept.add(key, {**row, "seconds": spent[0], "core_seconds": spent[1]})


def _whole(config: Config, dataset: Dataset, one: Subject) -> tuple[ImageSet, torch.Tensor]:
    """Return the training images, with those that were held out of them for testing, and their classes."""
    train, list_images = dataset.train, SOURCES.get(config.data.source).list_images
    held_out = list_images is not None and list_images(config.data.path or "", 1e9).description.held_out
    if held_out and dataset.test is not None:
        parts = (dataset.train, dataset.test)
        train = ImageSet(
            joined(*(part.images for part in parts)),
            torch.cat([part.labels for part in parts if part.labels is not None]),
            dataset.train.classes,
            tuple(image_id for part in parts for image_id in part.ids),
        )
    if one.class_of is not None:
        return train, torch.tensor([one.class_of[image_id] for image_id in train.ids])
    if train.labels is None:
        raise ConfigError.at("images", f"{one.name} has no labels to measure by; give folders of classes.")
    return train, train.labels


def _baselines(
    config: Config, dataset: Dataset, whole: ImageSet, start: str, store: RunStore
) -> dict[str, torch.Tensor]:
    """Return the features of raw pixels and of the network before training, by name."""
    mean, std = dataset.mean, dataset.std
    torch.manual_seed(config.training.seed)
    backbone = build_backbone(config.model, config.data.image_size)
    name = "untrained"
    if start == PRETRAINED:
        weights = starting_weights(config, store, lambda fraction, text: None)
        backbone.load_state_dict(weights.weights)
        mean, std = tuple(weights.source["mean"]), tuple(weights.source["std"])
        name = "frozen"
    encoder = Encoder(channels_last(backbone.eval()), config, mean, std, whole.classes, 0, 0)
    return {
        "raw pixels": raw_pixel_features(whole.images, dataset.mean, dataset.std),
        name: encode(encoder, whole),
    }


def _said(changes: Mapping[str, Any]) -> str:
    """Return what stands instead of the preset's choices, as it follows the weights in the name of a result."""
    method, epochs = changes.get("objective", {}).get("method"), changes.get("training", {}).get("epochs")
    return (f" by {method}" if method else "") + (f" in {epochs} epochs" if epochs else "")


def _packed(correct: torch.Tensor) -> str:
    return "".join(str(int(value)) for value in correct)


def _figures(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise the rows: accuracies in per cent, and gains in points with their intervals."""
    figures: dict[str, Any] = {}
    groups = dict.fromkeys((row["images"], row["start"]) for row in rows.values())
    for images, start in groups:
        inside = [row for row in rows.values() if (row["images"], row["start"]) == (images, start)]
        trained = [row for row in inside if row["what"] == "trained"]
        if not trained:
            continue
        where = f"{images} from {start}"
        figures[f"{where}: k, epochs, seeds"] = f"{trained[0]['k']}, {trained[0]['epochs']}, {len(trained)}"
        found = [_per_cent(row["correct"]) for row in trained]
        figures[f"{where}: trained, %"] = (
            f"{sum(found) / len(found):.1f} ({', '.join(f'{value:.1f}' for value in found)})"
        )
        for row in inside:
            if row["what"] != "trained":
                gain, low, high = difference([one["correct"] for one in trained], row["correct"])
                figures[f"{where}: {row['what']}, %"] = f"{_per_cent(row['correct']):.1f}"
                if at := row.get("at_temperatures"):
                    name = f"{where}: {row['what']} at temperatures of {', '.join(map(str, TEMPERATURES))}, %"
                    figures[name] = ", ".join(f"{100 * value:.1f}" for value in at)
                figures[f"{where}: above {row['what']}, points"] = f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"
        figures[f"{where}: core minutes a run"] = sum(r["core_seconds"] for r in trained) / 60 / len(trained)
    return figures


def _per_cent(correct: str) -> float:
    return 100 * correct.count("1") / len(correct)
