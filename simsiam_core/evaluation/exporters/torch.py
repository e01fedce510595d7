"""torch.export: the backbone as a program that accepts any batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from simsiam_core.evaluation.exporter import BackboneExporter

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def _write(encoder: Encoder, file: BinaryIO) -> None:
    import torch

    from simsiam_core.evaluation.exporters._program import exported

    torch.export.save(exported(encoder), file)


ENTRY = BackboneExporter(
    title="torch.export",
    help="the backbone as a program of torch.export",
    suffix=".pt2",
    write=_write,
    order=30,
    usage=lambda _, file: f'net = torch.export.load("{file}").module()',
)
