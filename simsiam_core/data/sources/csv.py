"""Data source of images in files that a CSV lists."""

from __future__ import annotations

from simsiam_core.data.sources._listed import listed_source

ENTRY = listed_source(
    "csv",
    "simsiam_core.data.csv_table",
    "list_csv",
    title="CSV",
    help="A CSV of image paths, with a column of labels and one of splits if there are any.",
    path="file",
    labels="by column",
)
