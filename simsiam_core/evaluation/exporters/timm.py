"""timm: a folder that timm loads as one of its own networks, in the layout of the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsiam_core.evaluation.exporter import BackboneFolderExporter

if TYPE_CHECKING:
    from torch import nn

    from simsiam_core.model import Encoder


def _write(encoder: Encoder, folder: Path) -> None:
    from safetensors.torch import save

    from simsiam_core.evaluation.exporters._equals import equal_network
    from simsiam_core.runs.files import replacing, write_text

    name, network, arguments = equal_network(encoder, "timm", _candidates)
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    size = encoder.config.data.image_size
    settings = {
        "input_size": [3, size, size],
        "fixed_input_size": bool(arguments),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": list(encoder.mean),
        "std": list(encoder.std),
        "num_classes": 0,
    }
    config = {"architecture": name, "num_classes": 0, "num_features": encoder.dim, "model_args": arguments}
    with replacing(folder / "model.safetensors") as temporary:
        temporary.write_bytes(save(weights, metadata={"format": "pt"}))
    write_text(folder / "config.json", json.dumps({**config, "pretrained_cfg": settings}, indent=1))


def _candidates(name: str, size: int) -> Iterator[tuple[nn.Module, dict[str, Any]]]:
    """Yield timm's network of that name for images of that size, if it has one."""
    import timm

    if not timm.is_model(name):
        return
    sized: dict[str, Any] = {"img_size": size}
    try:
        yield timm.create_model(name, num_classes=0, **sized), sized
    except TypeError:  # its weights do not depend on the size
        yield timm.create_model(name, num_classes=0), {}


ENTRY = BackboneFolderExporter(
    title="timm",
    help="the backbone as timm's network of its name, for the Hub too",
    packages=("timm", "safetensors"),
    write=_write,
    order=42,
    library="timm",
    usage=lambda _, folder: f'net = timm.create_model("local-dir:{folder}", pretrained=True).eval()',
)
