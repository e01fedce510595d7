"""safetensors: the weights of the backbone, without executable code."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from simsiam_core.evaluation.exporter import BackboneExporter

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def _write(encoder: Encoder, file: BinaryIO) -> None:
    from safetensors.torch import save

    # A trained network is in channels_last, which the format does not support.
    weights = {name: value.contiguous() for name, value in encoder.backbone.state_dict().items()}
    file.write(save(weights, metadata={"format": "pt"}))  # save_file fails for paths that are not UTF-8


ENTRY = BackboneExporter(
    title="safetensors",
    help="weights of the backbone, for a network of your own",
    suffix=".safetensors",
    packages=("safetensors",),
    write=_write,
    order=10,
    usage=lambda _, file: f'weights = safetensors.torch.load_file("{file}")',
)
