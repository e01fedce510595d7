"""Parquet: features as a table, one row per image."""

from __future__ import annotations

from typing import BinaryIO

from simsiam_core.evaluation.exporter import FeaturesExporter, FeatureTable


def _write(table: FeatureTable, file: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    labels: list[str] | list[None] = table.labels or [None] * len(table.ids)
    flat, dim = table.features.reshape(-1), table.features.shape[1]
    columns = {
        "id": pa.array(table.ids),
        "label": pa.array(labels, pa.string()),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(flat), dim),
    }
    parquet.write_table(pa.table(columns), file)


ENTRY = FeaturesExporter(
    title="Parquet",
    help="features as a table, a row an image",
    suffix=".parquet",
    packages=("pyarrow",),
    write=_write,
    order=60,
    usage=lambda encoder, file: f'table = pandas.read_parquet("{file}")  # id, label, features',
)
