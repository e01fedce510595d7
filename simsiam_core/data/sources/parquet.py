"""Data source of images in parquet files."""

from __future__ import annotations

from simsiam_core.data.sources._listed import listed_source

ENTRY = listed_source(
    "parquet",
    "simsiam_core.data.parquet_table",
    "list_parquet",
    title="Parquet",
    help="Parquet files with a column of images, such as data sets from Hugging Face, with their labels and splits.",
    path="file",
    labels="by column",
)
