"""Data source for a folder of user images."""

from __future__ import annotations

from simsiam_core.data.sources._listed import listed_source

ENTRY = listed_source(
    "folder",
    "simsiam_core.data.folder",
    "list_folder",
    title="Folder",
    help="Your own images: a folder for each class, train/ and test/ of those, or a flat folder without labels.",
    path="folder",
    labels="by folder",
)
