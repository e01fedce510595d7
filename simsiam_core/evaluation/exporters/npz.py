"""npz: features as numpy arrays."""

from __future__ import annotations

from typing import BinaryIO

from simsiam_core.evaluation.exporter import FeaturesExporter, FeatureTable


def _write(table: FeatureTable, file: BinaryIO) -> None:
    import numpy as np

    labels = np.array(table.labels or [])
    np.savez(file, ids=np.array(table.ids), labels=labels, features=table.features)


ENTRY = FeaturesExporter(
    title="npz",
    help="features as numpy arrays",
    suffix=".npz",
    write=_write,
    order=50,
    usage=lambda encoder, file: f'table = numpy.load("{file}")  # ids, labels, features',
)
