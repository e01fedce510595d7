"""STL-10 (Coates et al., 2011)."""

from __future__ import annotations

from simsiam_core.data.sources._published import published_source

# The 5,000 labelled images: the other 100,000 of STL-10 have no labels, and no kNN accuracy without.
ENTRY = published_source(
    "stl10",
    "STL10",
    title="STL-10",
    help="5,000 training and 8,000 test images of ten classes, 96 px.",
    train_count=5_000,
    download="2.6 GB",
)
