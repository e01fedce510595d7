"""ONNX: the backbone for runtimes without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from simsiam_core.evaluation.exporter import BackboneExporter

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def _write(encoder: Encoder, file: BinaryIO) -> None:
    import onnx
    import torch

    from simsiam_core.evaluation.exporters._program import exported

    program = torch.onnx.export(exported(encoder), dynamo=True, verbose=False)
    assert program is not None
    onnx.save(program.model_proto, file)


ENTRY = BackboneExporter(
    title="ONNX",
    help="the backbone for runtimes without torch",
    suffix=".onnx",
    packages=("onnx", "onnxscript"),  # the exporter needs both; its own error message is long
    write=_write,
    order=40,
    library="onnx",
    usage=lambda _, file: f'session = onnxruntime.InferenceSession("{file}")',
)
