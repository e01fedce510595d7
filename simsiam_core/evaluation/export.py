"""Taking a checkpoint elsewhere: the backbone alone, with its preprocessing and class names, and its features."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simsiam_core.config import ConfigError
from simsiam_core.features.bank import load_bank
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory
from simsiam_core.runs.files import replacing, write_text

FEATURES = ("npz", "parquet")


def export_backbone(checkpoint: Checkpoint, format: str, out: Path) -> Path:
    """Write the backbone to `out` and what it takes to use it to `out` + ".json"; returns the latter's path.

    In: float32 [B, 3, S, S], RGB on the scale 0..1, minus mean, over std. Out: float32 [B, dim], not yet
    l2-normalised. Raises CheckpointError, or ConfigError for a format or a package that is not there.
    """
    if format not in BACKBONES:
        known = ", ".join([*BACKBONES, *FEATURES])
        raise ConfigError.at("format", f"There is no format {format!r}; choose one of {known}.")
    encoder = load_encoder(checkpoint.path)
    try:
        with replacing(out) as temporary:
            BACKBONES[format](encoder, temporary)
    except ImportError as error:
        raise _missing(format, error) from None
    except OSError as error:
        raise ConfigError.at("out", f"Cannot write {out}: {error.strerror or error}.") from None
    beside = out.with_name(out.name + ".json")
    write_text(beside, json.dumps(description(encoder, format), indent=1))
    return beside


def description(encoder: Encoder, format: str) -> dict[str, Any]:
    """What stands in the JSON beside the weights."""
    model = encoder.config.model
    return {
        "format": format,
        "architecture": {"backbone": model.backbone, "stem": model.stem, "width": model.width},
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


def _safetensors(encoder: Encoder, out: Path) -> None:
    from safetensors.torch import save

    # A trained network lies in channels_last, which the format does not know.
    weights = {name: value.contiguous() for name, value in encoder.backbone.state_dict().items()}
    out.write_bytes(save(weights, metadata={"format": "pt"}))  # it takes no path that is not UTF-8


def _torchscript(encoder: Encoder, out: Path) -> None:
    traced = torch.jit.trace(encoder.backbone, _example(encoder))
    out.write_bytes(traced.save_to_buffer())  # `save` takes no path that is not UTF-8


def _torch_export(encoder: Encoder, out: Path) -> None:
    with out.open("wb") as file:
        torch.export.save(_program(encoder), file)


def _onnx(encoder: Encoder, out: Path) -> None:
    import onnx  # the exporter needs both, and says so in a long way
    import onnxscript  # noqa: F401

    program = torch.onnx.export(_program(encoder), dynamo=True, verbose=False)
    assert program is not None
    onnx.save(program.model_proto, out)


def _program(encoder: Encoder) -> Any:
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(encoder.backbone, (_example(encoder),), dynamic_shapes=({0: batch},))


def _example(encoder: Encoder) -> torch.Tensor:
    size = encoder.config.data.image_size
    return torch.zeros(2, 3, size, size)


BACKBONES: dict[str, Callable[[Encoder, Path], None]] = {
    "safetensors": _safetensors,
    "torchscript": _torchscript,
    "torch": _torch_export,
    "onnx": _onnx,
}


def export_features(run: RunDirectory, checkpoint: Checkpoint, split: str, format: str, out: Path) -> int:
    """Write ids, labels and l2-normalised features of a split; returns how many images they are."""
    try:
        bank = load_bank(run, checkpoint, split)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError.at("split", str(error)) from None
    features = np.asarray(bank.features)
    names = None if bank.labels is None else [bank.classes[label] for label in bank.labels.tolist()]
    try:
        with replacing(out) as temporary, temporary.open("wb") as file:
            if format == "npz":
                labels = np.array([] if names is None else names)
                np.savez(file, ids=np.array(bank.ids), labels=labels, features=features)
            else:
                _parquet(file, bank.ids, names, features)
    except ImportError as error:
        raise _missing(format, error) from None
    except OSError as error:
        raise ConfigError.at("out", f"Cannot write {out}: {error.strerror or error}.") from None
    return len(bank)


def _parquet(file: Any, ids: tuple[str, ...], names: list[str] | None, features: np.ndarray) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    labels: list[str] | list[None] = names or [None] * len(ids)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), features.shape[1])
    columns = {
        "id": pa.array(ids),
        "label": pa.array(labels, pa.string()),
        "features": lists,
    }
    parquet.write_table(pa.table(columns), file)


def _missing(format: str, error: ImportError) -> ConfigError:
    package = (error.name or "a package").partition(".")[0]
    return ConfigError.at(
        "format", f"The format {format} needs the package {package}: pip install {package}."
    )
