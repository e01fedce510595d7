"""Export of a checkpoint: the backbone with its preprocessing and class names, its features, or a bundle."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.evaluation.exporter import (
    BackboneExporter,
    BackboneFolderExporter,
    Exporter,
    FeaturesExporter,
    FeatureTable,
    FolderExporter,
)
from simsiam_core.evaluation.exporters import EXPORTERS, listed
from simsiam_core.evaluation.model_card import write_card
from simsiam_core.features.bank import load_bank
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory
from simsiam_core.runs.files import replacing, write_text

AnyExporter = TypeVar("AnyExporter", bound=Exporter)


@dataclass(frozen=True)
class Written:
    """Files or folders that an export wrote, and a description of their contents."""

    paths: list[Path]
    what: str


def export(
    run: RunDirectory,
    checkpoint: Checkpoint,
    format: str,
    out: Path,
    *,
    split: str = "train",
    trained_on: str = "textures",
    licence: str = "",
) -> Written:
    """Write a checkpoint to `out` in an export format, and a model card beside it.

    `split` applies to features; `trained_on` is the source that a bundle names for its training images;
    `licence` stands in the card. Raises CheckpointError, RunError, or ConfigError for a missing format or
    package.
    """
    exporter = exporter_of(format, Exporter)
    if isinstance(exporter, FolderExporter):
        exporter.write(run, out, trained_on)
        return Written([out, *write_card(run, checkpoint, exporter, out, licence)], "a bundle")
    if isinstance(exporter, FeaturesExporter):
        count = export_features(run, checkpoint, split, format, out)
        cards = write_card(run, checkpoint, exporter, out, licence)
        return Written([out, *cards], f"{count:,} features of the {split} images")
    if isinstance(exporter, BackboneFolderExporter):
        export_folder(checkpoint, exporter, out)
        cards = write_card(run, checkpoint, exporter, out, licence)
        return Written([out, *cards], "a folder with the backbone, and its model card")
    beside = export_backbone(checkpoint, format, out)
    cards = write_card(run, checkpoint, exporter, out, licence)
    what = "the backbone, what it takes to use it, and its model card"
    if not cards:
        what = f"the backbone and what it takes to use it (the model card {out.name}.md is kept as it is)"
    return Written([out, beside, *cards], what)


def export_folder(checkpoint: Checkpoint, exporter: BackboneFolderExporter, out: Path) -> None:
    """Write the backbone to the folder `out`, new or existing. Raises CheckpointError or ConfigError."""
    encoder = load_encoder(checkpoint.path)
    existed = out.exists()
    try:
        out.mkdir(exist_ok=True)
        exporter.write(encoder, out)
    except OSError as error:
        raise unwritable(out, error) from None
    finally:
        if not existed and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def export_backbone(checkpoint: Checkpoint, format: str, out: Path) -> Path:
    """Write the backbone to `out` and its description to `out` + ".json"; returns the latter's path.

    In: float32 [B, 3, S, S], RGB on the scale 0..1, minus mean, over std. Out: float32 [B, dim], not
    l2-normalised. Raises CheckpointError, or ConfigError for a missing format or package.
    """
    exporter = exporter_of(format, BackboneExporter)
    encoder = load_encoder(checkpoint.path)
    try:
        with replacing(out) as temporary, temporary.open("wb") as file:
            exporter.write(encoder, file)
    except OSError as error:
        raise unwritable(out, error) from None
    beside = out.with_name(out.name + ".json")
    write_text(beside, json.dumps(description(encoder, format), indent=1))
    return beside


def export_features(run: RunDirectory, checkpoint: Checkpoint, split: str, format: str, out: Path) -> int:
    """Write ids, labels and l2-normalised features of a split; returns the number of images."""
    exporter = exporter_of(format, FeaturesExporter)
    try:
        bank = load_bank(run, checkpoint, split)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError.at("split", str(error)) from None
    labels = None if bank.labels is None else [bank.classes[label] for label in bank.labels.tolist()]
    table = FeatureTable(bank.ids, labels, np.asarray(bank.features))
    try:
        with replacing(out) as temporary, temporary.open("wb") as file:
            exporter.write(table, file)
    except OSError as error:
        raise unwritable(out, error) from None
    return len(bank)


def description(encoder: Encoder, format: str) -> dict[str, Any]:
    """Describe the exported backbone, as in the JSON file written with the weights."""
    model = encoder.config.model
    shape = {"stem": model.stem, "width": model.width} if model.backbone in RESNETS else {}
    return {
        "format": format,
        "architecture": {"backbone": model.backbone, **shape},
        "feature_dim": encoder.dim,
        "epochs_trained": encoder.epoch,
        "preprocessing": {
            "image_size": encoder.config.data.image_size,
            "resize": "shorter side, bilinear with antialiasing, then centre crop",
            "channels": "RGB",
            "scale": "0..1",
            "mean": list(encoder.mean),
            "std": list(encoder.std),
        },
        "classes": list(encoder.classes),
    }


def exporter_of(format: str, kind: type[AnyExporter]) -> AnyExporter:
    """Return a format's exporter of the given kind, with its packages installed. Raises ConfigError."""
    known = [name for name, exporter in listed().items() if isinstance(exporter, kind)]
    if format not in known:
        raise ConfigError.at("format", f"There is no format {format!r}; choose one of {', '.join(known)}.")
    exporter = EXPORTERS.get(format)
    assert isinstance(exporter, kind)
    for package in exporter.packages:
        try:
            importlib.import_module(package.replace("-", "_"))
        except ImportError:
            sentence = f"The format {format} needs the package {package}: pip install {package}."
            raise ConfigError.at("format", sentence) from None
    return exporter


def unwritable(out: Path, error: OSError) -> ConfigError:
    """Return the error that `out` cannot be written."""
    return ConfigError.at("out", f"Cannot write {out}: {error.strerror or error}.")
