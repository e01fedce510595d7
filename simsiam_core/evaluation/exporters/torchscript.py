"""TorchScript: the traced backbone, which torch runs without this program."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from simsiam_core.evaluation.exporter import BackboneExporter

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def _write(encoder: Encoder, file: BinaryIO) -> None:
    import warnings

    import torch

    from simsiam_core.evaluation.exporters._program import example

    with warnings.catch_warnings():  # about sizes becoming constants, as they are meant to
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(encoder.backbone, example(encoder))
    file.write(traced.save_to_buffer())  # `save` fails for paths that are not UTF-8


ENTRY = BackboneExporter(
    title="TorchScript",
    help="the backbone as a program for torch, C++ included",
    suffix=".pt",
    write=_write,
    order=20,
    usage=lambda _, file: f'net = torch.jit.load("{file}")',
)
